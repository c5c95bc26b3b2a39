// The browser's half of countdown.py: it counts by itself, without requests to the server.

const running = new WeakMap() // element -> timer

export default function (component) {
  const element = component.parentElement.querySelector(".left")
  if (!element) return
  clearInterval(running.get(element))
  const end = performance.now() + 1000 * component.data.left
  const show = () => {
    const left = Math.max(0, Math.ceil((end - performance.now()) / 1000))
    element.textContent = left > 0 ? `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}` : "Time is over"
    element.classList.toggle("soon", left <= 30)
  }
  show()
  running.set(element, setInterval(show, 250))
  return () => clearInterval(running.get(element))
}
