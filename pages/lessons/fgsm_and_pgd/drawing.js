// What player.js and plane.js draw with. Python puts this file in front of theirs.

const SIDE = 400 // of a scene, in the drawing's own units
const SVG = "http://www.w3.org/2000/svg"

function element(name, kind) {
  const made = document.createElement(name)
  if (kind) made.className = kind
  return made
}

function shape(name, attributes = {}) {
  const made = document.createElementNS(SVG, name)
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value)
  return made
}

// A point of the plane -> where it is drawn; y grows upwards in the plane.
function place([x, y], [left, right, bottom, top]) {
  return [(SIDE * (x - left)) / (right - left), (SIDE * (top - y)) / (top - bottom)]
}

// The loss as a picture that fills the scene.
function terrain(address) {
  return shape("image", { href: address, width: SIDE, height: SIDE, preserveAspectRatio: "none" })
}

function line(points, attributes) {
  return shape("polyline", { fill: "none", points: points.join(" "), ...attributes })
}

// A line with a head at its end, on a halo that keeps it visible on any ground. Too short for a head: nothing.
function arrow([x0, y0], [x1, y1], colour, width, dashes) {
  const length = Math.hypot(x1 - x0, y1 - y0)
  if (length < 1) return []
  const [ux, uy] = [(x1 - x0) / length, (y1 - y0) / length]
  const head = Math.min(4 + 2.5 * width, length)
  const [bx, by] = [x1 - head * ux, y1 - head * uy]
  const side = head * 0.45
  const corners = [[x1, y1], [bx - side * uy, by + side * ux], [bx + side * uy, by - side * ux]].join(" ")
  const ends = { x1: x0, y1: y0, x2: bx, y2: by }
  const shaft = { ...ends, stroke: colour, "stroke-width": width }
  if (dashes) shaft["stroke-dasharray"] = dashes
  return [
    shape("line", { ...ends, class: "halo", "stroke-width": width + 2.5 }),
    shape("line", shaft),
    shape("polygon", { points: corners, fill: colour }),
  ]
}
