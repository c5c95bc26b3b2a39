// The browser's half of canvas.py. The grid of 8-bit values is the truth; what is on the screen is painted from it.

const MASK = [255, 0, 170] // a colour that photographs hardly have
const OPACITY = 0.55
const HISTORY = 50

const surfaces = new WeakMap() // canvas element -> Surface
const latest = new Map() // the widget's key -> {sheet, grid, history}: outlives a surface that is taken off and put back

// Streamlit calls this once for each surface, and again whenever the data or the theme changed.
export default function (component) {
  const element = component.parentElement.querySelector("canvas")
  if (!element) return
  if (!surfaces.has(element)) surfaces.set(element, new Surface(element))
  surfaces.get(element).update(component)
}

class Surface {
  constructor(element) {
    const frame = element.closest(".frame")
    const part = name => frame.querySelector(name)
    this.element = element
    this.context = element.getContext("2d")
    this.picture = part("img")
    this.ring = part(".ring")
    this.label = part(".label")
    this.said = part(".said")
    this.clearButton = part(".clear")
    this.undoButton = part(".undo")
    this.data = null
    this.before = null // the grid before the stroke that is being drawn; null while there is none
    this.pointer = null // the pointer that draws it
    element.onpointerdown = event => this.pointerDown(event)
    element.onpointermove = event => this.pointerMove(event)
    element.onlostpointercapture = event => event.pointerId === this.pointer && this.end()
    element.onpointerleave = () => this.showRing(element.matches(":focus-visible"))
    element.onkeydown = event => this.keyDown(event)
    element.onfocus = () => this.showRing(element.matches(":focus-visible"))
    element.onblur = () => {
      this.end()
      this.showRing(false)
    }
    element.oncontextmenu = event => event.pointerType !== "mouse" && event.preventDefault() // a long touch
    this.clearButton.onclick = () => this.clear()
    this.undoButton.onclick = () => this.undo()
  }

  update({ data, setStateValue }) {
    this.send = setStateValue
    const other = this.data?.sheet !== data.sheet
    this.data = data
    this.label.textContent = data.label
    this.element.setAttribute("aria-label", data.label)
    if (other) this.open()
    this.placeRing()
  }

  // Begin with another sheet: what was drawn on it, if that is known on both sides, or else its start.
  open() {
    const { key, sheet, width, height, background, start, drawn } = this.data
    const known = drawn && latest.get(key)?.sheet === sheet ? latest.get(key) : null
    this.grid = known ? known.grid.slice() : unpack(start, width * height)
    this.history = known ? known.history.slice() : []
    this.before = this.pointer = null // a stroke in mid-air ends with the sheet that it was for
    this.ring.classList.remove("down")
    this.at = { x: width / 2, y: height / 2 }
    this.element.width = width
    this.element.height = height
    const surface = this.element.parentElement
    surface.style.aspectRatio = `${width} / ${height}`
    surface.style.maxWidth = `calc(26rem * ${Math.min(1, width / height)})`
    this.picture.hidden = !background
    if (background) this.picture.src = background
    else this.picture.removeAttribute("src")
    this.image = this.context.createImageData(width, height)
    this.paint()
  }

  paint() {
    const { data: pixels } = this.image
    const mask = Boolean(this.data.background)
    for (let i = 0; i < this.grid.length; i++) {
      const value = this.grid[i]
      for (let channel = 0; channel < 3; channel++) pixels[4 * i + channel] = mask ? MASK[channel] : value
      pixels[4 * i + 3] = mask ? OPACITY * value : 255
    }
    this.context.putImageData(this.image, 0, 0)
    this.clearButton.setAttribute("aria-disabled", String(!this.grid.some(Boolean)))
    this.undoButton.setAttribute("aria-disabled", String(!this.history.length))
  }

  begin() {
    this.end()
    this.before = this.grid.slice()
    this.ring.classList.add("down")
    this.line(this.at, this.at)
  }

  end() {
    this.pointer = null
    this.ring.classList.remove("down")
    if (!this.before) return
    const before = this.before
    this.before = null
    if (before.some((value, i) => value !== this.grid[i])) this.changed(before)
  }

  // One message for a whole stroke; none for a stroke that changed nothing.
  changed(before) {
    if (before) this.history = [...this.history, before].slice(-HISTORY)
    const { key, sheet } = this.data
    latest.set(key, { sheet, grid: this.grid.slice(), history: this.history })
    this.paint()
    const share = Math.round((100 * this.grid.filter(value => value > 127).length) / this.grid.length)
    this.said.textContent = `${share} % of the surface painted`
    this.send("drawing", { sheet, pixels: pack(this.grid) })
  }

  clear() {
    this.end()
    if (!this.grid.some(Boolean)) return
    const before = this.grid
    this.grid = new Uint8ClampedArray(before.length)
    this.changed(before)
  }

  undo() {
    this.end()
    if (!this.history.length) return
    this.grid = this.history.at(-1).slice()
    this.history = this.history.slice(0, -1)
    this.changed(null)
  }

  // A brush stroke from one point to another: full within the radius, soft over the pixel at its edge.
  line(from, to) {
    const { width, height, brush } = this.data
    const reach = brush / 2 + 0.5
    const [dx, dy] = [to.x - from.x, to.y - from.y]
    const length2 = dx * dx + dy * dy
    const [left, right] = [Math.min(from.x, to.x) - reach, Math.max(from.x, to.x) + reach]
    const [top, bottom] = [Math.min(from.y, to.y) - reach, Math.max(from.y, to.y) + reach]
    for (let row = Math.max(0, Math.floor(top)); row < Math.min(height, bottom); row++) {
      for (let column = Math.max(0, Math.floor(left)); column < Math.min(width, right); column++) {
        const [x, y] = [column + 0.5 - from.x, row + 0.5 - from.y]
        const along = length2 ? Math.min(1, Math.max(0, (x * dx + y * dy) / length2)) : 0
        const distance = Math.hypot(x - along * dx, y - along * dy)
        const i = row * width + column
        this.grid[i] = Math.max(this.grid[i], 255 * Math.min(1, Math.max(0, reach - distance)))
      }
    }
    this.paint()
  }

  move(x, y) {
    const to = { x: Math.min(this.data.width, Math.max(0, x)), y: Math.min(this.data.height, Math.max(0, y)) }
    if (this.before) this.line(this.at, to)
    this.at = to
    this.placeRing()
  }

  pointerMoveTo(event) {
    const box = this.element.getBoundingClientRect()
    const { width, height } = this.data
    this.move(((event.clientX - box.left) / box.width) * width, ((event.clientY - box.top) / box.height) * height)
  }

  pointerDown(event) {
    if (event.button !== 0 || this.pointer !== null) return // a second finger or another button draws nothing
    this.end()
    this.pointerMoveTo(event)
    this.begin()
    this.pointer = event.pointerId
    this.element.setPointerCapture(event.pointerId)
  }

  pointerMove(event) {
    this.showRing(event.pointerType !== "touch")
    if (this.pointer === null && this.before) return // the keyboard is drawing
    if (this.pointer !== null && event.pointerId !== this.pointer) return
    // Between two frames a fast pen reports many points.
    const points = event.getCoalescedEvents?.() ?? []
    for (const point of points.length ? points : [event]) this.pointerMoveTo(point)
  }

  keyDown(event) {
    const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }
    if (steps[event.key]) {
      const step = event.shiftKey ? 1 : Math.max(1, this.data.brush / 2)
      this.move(this.at.x + step * steps[event.key][0], this.at.y + step * steps[event.key][1])
    } else if (event.key === " ") {
      if (event.repeat) return event.preventDefault()
      if (this.before) this.end()
      else this.begin()
      if (this.before) this.said.textContent = "Stroke begun"
    } else if (event.key === "Escape" && this.before) {
      this.end()
    } else if (event.key === "z" && (event.ctrlKey || event.metaKey)) {
      this.undo()
    } else {
      return
    }
    event.preventDefault() // the page would scroll
    this.showRing(true)
  }

  showRing(visible) {
    this.ring.hidden = !visible
  }

  placeRing() {
    const { width, height, brush } = this.data
    const percent = (part, whole) => `${(100 * part) / whole}%`
    this.ring.style.left = percent(this.at.x, width)
    this.ring.style.top = percent(this.at.y, height)
    this.ring.style.width = percent(brush, width)
    this.ring.style.height = percent(brush, height)
  }
}

// pack and unpack: as in canvas.py.
function pack(grid) {
  let text = ""
  for (let i = 0, end; i < grid.length; i = end) {
    for (end = i + 1; end < grid.length && end - i < 255 && grid[end] === grid[i]; ) end++
    text += String.fromCharCode(end - i, grid[i])
  }
  return btoa(text)
}

function unpack(packed, size) {
  const text = atob(packed)
  const grid = new Uint8ClampedArray(size)
  for (let i = 0, at = 0; i < text.length; i += 2) {
    grid.fill(text.charCodeAt(i + 1), at, (at += text.charCodeAt(i)))
  }
  return grid
}
