// The browser's half of plane.py: draws a scene, and lets its point be moved. Comes after drawing.js.

const LEFT = 46 // space for the labels of the axes
const BELOW = 44
const EDGE = 8

const planes = new WeakMap() // plane element -> Plane

// Streamlit calls this once for each plane, and again whenever the data or the theme changed.
export default function (component) {
  const element = component.parentElement.querySelector(".plane")
  if (!element) return
  if (!planes.has(element)) planes.set(element, new Plane(element))
  planes.get(element).update(component)
}

class Plane {
  constructor(holder) {
    this.holder = holder
    this.legend = holder.querySelector(".legend")
    const size = `0 0 ${LEFT + SIDE + EDGE} ${EDGE + SIDE + BELOW}`
    this.svg = holder.appendChild(shape("svg", { viewBox: size, role: "img" }))
    this.pointer = null // that moves the point
    this.svg.onpointerdown = event => this.down(event)
    this.svg.onpointermove = event => event.pointerId === this.pointer && this.drag(event)
    this.svg.onpointerup = event => event.pointerId === this.pointer && this.drop(event)
    this.svg.onpointercancel = event => event.pointerId === this.pointer && this.draw() // the page scrolls instead
  }

  update({ data, setTriggerValue }) {
    this.send = setTriggerValue
    const text = JSON.stringify(data)
    if (text === this.seen) return
    this.seen = text
    this.data = data
    this.draw()
  }

  draw() {
    this.pointer = null
    const { picture, shapes, point, movable, alt } = this.data
    this.svg.setAttribute("aria-label", alt)
    this.svg.classList.toggle("movable", movable)
    this.svg.classList.remove("dragged")
    // A separate drawing inside the axes, which cuts off what is outside of them.
    const inner = shape("svg", { x: LEFT, y: EDGE, width: SIDE, height: SIDE, viewBox: `0 0 ${SIDE} ${SIDE}` })
    this.inner = inner
    inner.append(terrain(picture))
    this.follows = shape("g")
    for (const each of shapes) {
      const parts = this.drawn(each)
      if (each.follows) this.follows.append(...parts)
      else if (each.kind === "dots") inner.append(...parts)
      else inner.append(...parts.map(part => (part.classList.add("old"), part)))
    }
    this.follows.append(...symbol("circle", this.place(point), "currentColor"))
    inner.append(this.follows)
    if (movable) {
      const [cx, cy] = this.place(point)
      this.follows.append(shape("circle", { class: "handle", cx, cy, r: 22 }))
    }
    this.svg.replaceChildren(inner, ...this.axes())
    this.legend.replaceChildren(...this.names())
  }

  place(point) {
    return place(point, this.data.window)
  }

  drawn({ kind, points, colour, width, dashes, symbol: kindOfMark }) {
    const placed = points.map(point => this.place(point))
    if (kind === "arrow") return arrow(placed[0], placed[1], colour, width)
    if (kind === "mark") return symbol(kindOfMark, placed[0], colour)
    if (kind === "dots") return placed.map(([x, y]) => dot(kindOfMark, x, y, colour))
    const attributes = { stroke: colour, "stroke-width": width, "stroke-linejoin": "round" }
    if (dashes) attributes["stroke-dasharray"] = dashes
    return [line(placed, { class: "halo", "stroke-width": width + 2 }), line(placed, attributes)]
  }

  // Numbers at round places, and what the axes mean.
  axes() {
    const [left, right, bottom, top] = this.data.window
    const apart = [0.05, 0.1, 0.2].find(step => (right - left) / step <= 6) ?? 0.2
    const parts = [shape("rect", { class: "axis", fill: "none", x: LEFT, y: EDGE, width: SIDE, height: SIDE })]
    const write = (x, y, text, attributes) => {
      const made = shape("text", { x, y, ...attributes })
      made.textContent = text
      parts.push(made)
    }
    for (let k = Math.ceil(left / apart - 1e-6); k * apart <= right + 1e-6; k++) {
      const [x] = this.place([k * apart, bottom])
      write(LEFT + x, EDGE + SIDE + 17, Number((k * apart).toFixed(2)), { class: "tick", "text-anchor": "middle" })
    }
    for (let k = Math.ceil(bottom / apart - 1e-6); k * apart <= top + 1e-6; k++) {
      const [, y] = this.place([left, k * apart])
      write(LEFT - 6, EDGE + y + 4, Number((k * apart).toFixed(2)), { class: "tick", "text-anchor": "end" })
    }
    const [names, middle] = [this.data.names, EDGE + SIDE / 2]
    write(LEFT + SIDE / 2, EDGE + SIDE + 37, names[0], { class: "name", "text-anchor": "middle" })
    const upright = { class: "name", "text-anchor": "middle", transform: `rotate(-90 12 ${middle})` }
    write(12, middle, names[1], upright)
    return parts
  }

  names() {
    const named = [{ kind: "mark", symbol: "circle", colour: "currentColor", name: "x" }, ...this.data.shapes]
    return named
      .filter(each => each.name)
      .map(({ kind, symbol: kindOfMark, colour, width, name }) => {
        const entry = element("span")
        const sample = entry.appendChild(shape("svg", { viewBox: "0 0 22 22", "aria-hidden": "true" }))
        if (kind === "mark") sample.append(...symbol(kindOfMark, [11, 11], colour))
        else sample.append(line([[1, 11], [21, 11]], { stroke: colour, "stroke-width": width }))
        entry.append(name)
        return entry
      })
  }

  down(event) {
    if (!this.data.movable || !event.isPrimary || event.button !== 0) return
    this.pointer = event.pointerId
    // A finger beside the point may start to scroll. It is a tap when it is lifted in the same place.
    this.tapping = event.pointerType === "touch" && !event.target.classList.contains("handle")
    if (this.tapping) return
    this.svg.setPointerCapture(event.pointerId)
    this.drag(event)
  }

  drag(event) {
    if (this.tapping) return
    const [x, y] = this.place(this.under(event))
    const [x0, y0] = this.place(this.data.point)
    this.svg.classList.add("dragged")
    this.follows.setAttribute("transform", `translate(${x - x0} ${y - y0})`)
  }

  drop(event) {
    const point = this.under(event)
    this.tapping = false
    this.drag(event)
    this.pointer = null
    this.send("moved", point)
  }

  // The point of the plane under the pointer, to two digits, inside the box.
  under(event) {
    const frame = this.svg.getBoundingClientRect()
    const scale = (LEFT + SIDE + EDGE) / frame.width
    const [left, right, bottom, top] = this.data.window
    const across = ((event.clientX - frame.left) * scale - LEFT) / SIDE
    const down = ((event.clientY - frame.top) * scale - EDGE) / SIDE
    const tidy = value => Math.round(100 * Math.min(Math.max(value, 0), 1)) / 100
    return [tidy(left + across * (right - left)), tidy(top - down * (top - bottom))]
  }
}

function dot(kind, x, y, colour) {
  const look = { fill: colour, stroke: "#6b7680", "stroke-width": 0.5 }
  if (kind === "square") return shape("rect", { x: x - 2.2, y: y - 2.2, width: 4.4, height: 4.4, ...look })
  return shape("circle", { cx: x, cy: y, r: 2.5, ...look })
}

// A mark with a rim that keeps it visible on any ground.
function symbol(kind, [x, y], colour) {
  if (kind === "cross") {
    const strokes = `M${x - 6} ${y - 6}l12 12M${x - 6} ${y + 6}l12 -12`
    const drawn = { d: strokes, "stroke-linecap": "round", fill: "none" }
    return [
      shape("path", { ...drawn, stroke: "#fff", "stroke-width": 8 }),
      shape("path", { ...drawn, stroke: colour, "stroke-width": 4.5 }),
    ]
  }
  const rim = { fill: colour, stroke: "#fff", "stroke-width": 2 }
  if (kind === "star") {
    const corner = k => {
      const [radius, angle] = [k % 2 ? 4.5 : 10, (Math.PI * k) / 5 - Math.PI / 2]
      return [x + radius * Math.cos(angle), y + radius * Math.sin(angle)]
    }
    return [shape("polygon", { ...rim, points: Array.from({ length: 10 }, (_, k) => corner(k)).join(" ") })]
  }
  return [shape("circle", { ...rim, cx: x, cy: y, r: 7 })]
}
