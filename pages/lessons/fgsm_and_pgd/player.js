// The browser's half of player.py: draws one phase of each run, and walks through the phases. Comes after drawing.js.

const PHASES = ["the gradient", "the step α", "the projection"]

const players = new WeakMap() // player element -> Player

// Streamlit calls this once for each player, and again whenever the data or the theme changed.
export default function (component) {
  const element = component.parentElement.querySelector(".player")
  if (!element) return
  if (!players.has(element)) players.set(element, new Player(element))
  players.get(element).update(component.data)
  return () => players.get(element).pause()
}

class Player {
  constructor(element) {
    const part = name => element.querySelector(name)
    this.holder = part(".panels")
    this.backButton = part(".back")
    this.playButton = part(".play")
    this.nextButton = part(".next")
    this.slider = part("input")
    this.where = part(".where")
    this.timer = null
    this.index = null // the phase that is shown; null before there is any
    this.backButton.onclick = () => this.go(this.index - 1)
    this.nextButton.onclick = () => this.go(this.index + 1)
    this.playButton.onclick = () => (this.timer ? this.pause() : this.play())
    this.slider.oninput = () => this.go(Number(this.slider.value))
  }

  update(data) {
    const text = JSON.stringify(data)
    if (text === this.seen) return // a rerun for another reason must not stop the show
    const atEnd = this.index === null || this.index === this.last
    this.seen = text
    this.data = data
    this.last = 3 * data.steps
    this.slider.max = this.last
    this.panels = data.panels.map(panel => new Panel(panel, data.colours))
    this.holder.replaceChildren(...this.panels.map(panel => panel.figure))
    if (this.timer) this.show(Math.min(this.index, this.last))
    else this.show(atEnd ? this.last : Math.min(this.index, this.last))
  }

  go(index) {
    this.pause()
    this.show(Math.max(0, Math.min(index, this.last)))
  }

  play() {
    if (this.index === this.last) this.show(0)
    const pace = Math.max(250, Math.min(800, 18000 / Math.max(this.last, 1)))
    this.timer = setInterval(() => {
      this.show(this.index + 1)
      if (this.index >= this.last) this.pause()
    }, pace)
    this.playButton.textContent = "Pause"
  }

  pause() {
    clearInterval(this.timer)
    this.timer = null
    this.playButton.textContent = "Play"
  }

  show(index) {
    this.index = index
    for (const panel of this.panels) panel.show(index)
    const step = Math.ceil(index / 3)
    this.where.textContent = index ? `Step ${step} of ${this.data.steps}: ${PHASES[(index - 1) % 3]}` : "Start"
    this.slider.value = index
    this.slider.setAttribute("aria-valuetext", this.where.textContent)
    this.backButton.disabled = index === 0
    this.nextButton.disabled = index === this.last
  }
}

class Panel {
  constructor(panel, colours) {
    this.panel = panel
    this.colours = colours
    this.figure = element("figure")
    const title = this.figure.appendChild(element("div", "title"))
    title.textContent = panel.title
    const scene = this.figure.appendChild(element("div", "scene"))
    this.svg = scene.appendChild(shape("svg", { viewBox: `0 0 ${SIDE} ${SIDE}`, role: "img" }))
    const still = this.svg.appendChild(shape("g"))
    still.append(terrain(panel.picture))
    this.moving = this.svg.appendChild(shape("g"))
    const [low, high] = [this.place([0, 1]), this.place([1, 0])]
    const box = { class: "box", x: low[0], y: low[1], width: high[0] - low[0], height: high[1] - low[1] }
    still.append(shape("rect", box), line(panel.edge.map(point => this.place(point)), { class: "edge" }))
    this.text = this.figure.appendChild(element("div", "text"))
  }

  place(point) {
    return place(point, this.panel.window)
  }

  show(index) {
    const { points, moved, gradients, projects, texts, title } = this.panel
    const step = Math.floor((index - 1) / 3)
    const phase = (index - 1) % 3 // of index 0: none
    const from = index ? points[step] : points[0]
    const here = index && phase === 2 ? points[step + 1] : from
    const parts = []
    const trail = points.slice(0, step + (phase === 2 ? 2 : 1)).map(point => this.place(point))
    if (trail.length > 1) {
      parts.push(line(trail, { class: "halo", "stroke-width": 5 }))
      parts.push(line(trail, { stroke: this.colours.step, "stroke-width": 2.5 }))
      for (const [x, y] of trail.slice(1)) parts.push(shape("circle", { cx: x, cy: y, r: 3.5, fill: this.colours.step }))
    }
    const at = this.place(from)
    if (index && phase < 2) {
      const [dx, dy] = gradients[step]
      const tip = [at[0] + 0.2 * SIDE * dx, at[1] - 0.2 * SIDE * dy]
      if (dx || dy) parts.push(...arrow(at, tip, this.colours.gradient, 2.5))
    }
    if (index && phase > 0) {
      const went = this.place(moved[step])
      if (phase === 1) parts.push(...arrow(at, went, this.colours.step, 4))
      if (phase === 2 && projects[step]) {
        parts.push(shape("circle", { class: "dot moved", cx: went[0], cy: went[1], r: 5, stroke: this.colours.step }))
        parts.push(...arrow(went, this.place(here), this.colours.back, 3, "7 5"))
      }
    }
    const start = this.place(points[0])
    parts.push(shape("circle", { class: "dot start", cx: start[0], cy: start[1], r: 6 }))
    const name = shape("text", { x: start[0] - 9, y: start[1] - 9, "text-anchor": "end" })
    name.textContent = "x"
    parts.push(name)
    const now = this.place(here)
    if (index) parts.push(shape("circle", { class: "dot", cx: now[0], cy: now[1], r: 6 }))
    this.moving.replaceChildren(...parts)
    this.text.textContent = texts[index]
    this.svg.setAttribute("aria-label", `${title}. ${texts[index]}`)
  }
}
