// Two images side by side: heat over both, lines between corresponding regions. Pointing at a region
// shows its best match in the other image.

const NS = "http://www.w3.org/2000/svg"
const shown = new WeakMap()

const shape = (tag, attributes) => {
  const node = document.createElementNS(NS, tag)
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value)
  return node
}

// One color for regions that add to the similarity, another for those that reduce it.
const paint = (cell, share, most) => {
  const strength = most > 0 ? Math.min(1, Math.abs(share) / most) : 0
  cell.style.fill = share >= 0 ? "var(--for)" : "var(--against)"
  cell.style.fillOpacity = String(0.06 + 0.66 * strength)
}

class Side {
  constructor(pair, number) {
    this.pair = pair
    this.number = number
    const data = pair.data.sides[number]
    this.data = data
    this.box = make("figure", "side")
    this.frame = make("div", "frame")
    this.frame.style.aspectRatio = `${data.width} / ${data.height}`
    this.frame.style.width = `min(100%, ${Math.round((400 * data.width) / data.height)}px)`
    const image = make("img")
    image.src = data.src
    image.alt = data.name
    image.draggable = false
    this.svg = shape("svg", { viewBox: "0 0 1 1", preserveAspectRatio: "none", tabindex: "0", role: "group" })
    this.svg.setAttribute("aria-label", `${data.name}: ${data.rows} by ${data.columns} regions; arrow keys move between them`)
    this.cells = []
    const [top, left, bottom, right] = data.window
    const [high, wide] = [(bottom - top) / data.rows, (right - left) / data.columns]
    for (let row = 0; row < data.rows; row++) {
      for (let column = 0; column < data.columns; column++) {
        const cell = shape("rect", { x: left + column * wide, y: top + row * high, width: wide, height: high })
        cell.classList.add("cell")
        const at = row * data.columns + column
        cell.onpointerenter = () => pair.point(number, at)
        this.cells.push(cell)
        this.svg.append(cell)
      }
    }
    this.svg.append(shape("rect", { x: left, y: top, width: right - left, height: bottom - top, class: "window" }))
    this.svg.onpointerleave = () => pair.point(-1, -1)
    this.svg.onblur = () => pair.point(-1, -1)
    this.svg.onkeydown = (event) => this.key(event)
    this.at = -1
    this.frame.append(image, this.svg)
    const caption = make("figcaption", "", data.name)
    this.box.append(this.frame, caption)
  }

  key(event) {
    const { rows, columns } = this.data
    const moves = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns }
    if (!(event.key in moves)) return
    event.preventDefault()
    const next = this.at < 0 ? Math.floor((rows * columns) / 2) : this.at + moves[event.key]
    if (next < 0 || next >= rows * columns) return
    this.at = next
    this.pair.point(this.number, next)
  }

  // The center of a cell in px of the stage.
  middle(at) {
    const frame = this.frame.getBoundingClientRect()
    const stage = this.pair.stage.getBoundingClientRect()
    const [top, left, bottom, right] = this.data.window
    const row = Math.floor(at / this.data.columns)
    const column = at % this.data.columns
    const x = left + ((column + 0.5) * (right - left)) / this.data.columns
    const y = top + ((row + 0.5) * (bottom - top)) / this.data.rows
    return [frame.left - stage.left + x * frame.width, frame.top - stage.top + y * frame.height]
  }

  heat(values, most) {
    this.cells.forEach((cell, at) => {
      if (values) paint(cell, values[at], most)
      else cell.style.fillOpacity = "0"
      cell.classList.remove("here")
    })
  }
}

class Pair {
  constructor(root, data) {
    this.data = data
    this.stage = make("div", "stage")
    this.sides = data.sides.map((_, number) => new Side(this, number))
    this.lines = shape("svg", { class: "lines", "aria-hidden": "true" })
    this.say = make("div", "say")
    this.say.setAttribute("role", "status")
    this.stage.append(...this.sides.map((side) => side.box), this.lines)
    root.replaceChildren(this.stage, this.say)
    this.rest()
    new ResizeObserver(() => this.draw()).observe(this.stage)
  }

  // At rest: the contribution of each region, and the strongest correspondences.
  rest() {
    this.sides.forEach((side, number) => {
      const { heat } = this.data.sides[number]
      // All regions of a network contribute, so only the differences between them are drawn.
      // Occlusion can raise or lower the similarity, so there zero stays zero.
      const least = this.data.cosine ? Math.min(...heat) : 0
      const values = heat.map((value) => value - least)
      side.heat(values, Math.max(...values.map(Math.abs), 1e-9))
    })
    this.shown = this.data.lines
    this.say.textContent = this.data.say
    this.draw()
  }

  point(number, at) {
    if (number < 0) {
      this.rest()
      return
    }
    const side = this.sides[number]
    side.at = at
    const words = side.data.words
    if (!this.data.cosine) {
      this.rest()
      side.cells[at].classList.add("here")
      if (words) this.say.textContent = words[at]
      return
    }
    const other = this.sides[1 - number]
    const wide = this.sides[1].cells.length
    const row = other.cells.map((_, to) => (number === 0 ? this.data.cosine[at * wide + to] : this.data.cosine[to * wide + at]))
    const best = row.indexOf(Math.max(...row))
    const [low, high] = [Math.min(...row), Math.max(...row)]
    side.heat(null)
    side.cells[at].classList.add("here")
    other.heat(row.map((value) => ((value - low) / Math.max(high - low, 1e-9)) ** 2), 1)
    other.cells[best].classList.add("here")
    this.shown = [number === 0 ? [at, best, row[best]] : [best, at, row[best]]]
    this.say.textContent = `The best match of this region has a cosine of ${(row[best] / 1000).toFixed(2)}; the region adds ${side.data.heat[at].toFixed(3)} to the similarity.`
    this.draw()
  }

  draw() {
    const nodes = []
    this.shown.forEach(([from, to, cosine], place) => {
      const [x0, y0] = this.sides[0].middle(from)
      const [x1, y1] = this.sides[1].middle(to)
      const across = Math.abs(x1 - x0) > Math.abs(y1 - y0)
      const bend = across
        ? `C ${(x0 + x1) / 2} ${y0}, ${(x0 + x1) / 2} ${y1}, ${x1} ${y1}`
        : `C ${x0} ${(y0 + y1) / 2}, ${x1} ${(y0 + y1) / 2}, ${x1} ${y1}`
      const path = `M ${x0} ${y0} ${bend}`
      const strong = this.shown.length === 1 ? 1 : Math.max(0.25, 1 - place / this.shown.length)
      nodes.push(shape("path", { d: path, class: "under", "stroke-opacity": strong }))
      nodes.push(shape("path", { d: path, class: "line", "stroke-opacity": strong }))
      for (const [x, y] of [[x0, y0], [x1, y1]]) nodes.push(shape("circle", { cx: x, cy: y, r: 4, class: "end", opacity: strong }))
    })
    this.lines.replaceChildren(...nodes)
  }
}

export default function (component) {
  const { data, parentElement } = component
  const root = parentElement.querySelector(".p")
  if (!root || !data) return
  const now = JSON.stringify(data)
  if (shown.get(root) === now) return
  shown.set(root, now)
  new Pair(root, data)
}
