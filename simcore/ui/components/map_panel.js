// One map: legend, canvas, hit test, zoom, selection, keys. map.js holds what the maps share.

const MANY = 3000 // points; more are written into the pixels directly, which needs no graphics card
const FULL = 16384 // coordinates are whole numbers from 0 to this; -1 = no place

const clamp = (value, least, most) => Math.min(most, Math.max(least, value))

const bounds = (map) => {
  const box = [FULL, 0, FULL, 0]
  for (let i = 0; i < map.x.length; i++) {
    if (map.x[i] < 0) continue
    box[0] = Math.min(box[0], map.x[i])
    box[1] = Math.max(box[1], map.x[i])
    box[2] = Math.min(box[2], map.y[i])
    box[3] = Math.max(box[3], map.y[i])
  }
  return box
}

class Panel {
  constructor(all, number) {
    this.all = all
    this.number = number
    this.box = make("section", "panel")
    this.head = make("div", "title")
    this.legend = make("div", "legend")
    this.stage = make("div", "stage")
    this.base = make("canvas", "base")
    this.top = make("canvas", "top")
    this.card = make("div", "card")
    this.card.hidden = true
    this.top.tabIndex = 0
    this.top.setAttribute("role", "application")
    this.top.setAttribute("aria-roledescription", "map of images")
    this.stage.append(this.base, this.top, this.card)
    this.box.append(this.head, this.legend, this.stage)
    this.hidden = new Set() // categories that are switched off
    this.pointers = new Map()
    this.path = []
    this.fit()
    this.listen()
  }

  fit() {
    this.zoom = 1
    const [x0, x1, y0, y1] = this.map?.bounds || [0, FULL, 0, FULL]
    this.x = (x0 + x1) / 2
    this.y = (y0 + y1) / 2
    this.wide = Math.max(x1 - x0, 1)
    this.high = Math.max(y1 - y0, 1)
    this.all.later()
  }

  show(map) {
    const fresh = this.map?.made !== map.made
    this.map = map
    map.bounds = bounds(map)
    // Small groups are drawn last, so that large ones do not cover them.
    this.order = map.legend.map((_, group) => group)
    this.order.sort((a, b) => map.legend[b].count - map.legend[a].count)
    this.head.replaceChildren(make("span", "name", map.title), make("span", "sub", map.sub))
    this.top.setAttribute("aria-label", `${map.title}. ${map.say}`)
    this.drawLegend(map)
    if (fresh) {
      this.hidden.clear()
      this.fit()
    }
  }

  drawLegend(map) {
    const items = map.legend.map((entry, group) => {
      const item = make("button", "item")
      item.type = "button"
      const dot = make("i", entry.shape || "")
      dot.style.background = entry.color
      item.append(dot, make("span", "", entry.name), make("span", "count", entry.count.toLocaleString("en")))
      item.setAttribute("aria-pressed", String(!this.hidden.has(group)))
      item.title = "Show or hide this group"
      item.onclick = () => {
        if (!this.hidden.delete(group)) this.hidden.add(group)
        item.setAttribute("aria-pressed", String(!this.hidden.has(group)))
        this.all.later()
      }
      return item
    })
    this.legend.replaceChildren(...items)
  }

  // -- coordinates --

  size() {
    const { clientWidth: w, clientHeight: h } = this.stage
    const dots = window.devicePixelRatio || 1
    for (const canvas of [this.base, this.top]) {
      if (canvas.width !== Math.round(w * dots) || canvas.height !== Math.round(h * dots)) {
        canvas.width = Math.round(w * dots)
        canvas.height = Math.round(h * dots)
      }
      canvas.getContext("2d").setTransform(dots, 0, 0, dots, 0, 0)
    }
    this.w = w
    this.h = h
  }

  get scale() {
    const edge = this.all.data.ids.length > 300 ? 36 : 96 // images are drawn at this zoom already
    return Math.min((this.w - edge) / this.wide, (this.h - edge) / this.high) * this.zoom
  }

  sx(i) {
    return (this.map.x[i] - this.x) * this.scale + this.w / 2
  }

  sy(i) {
    return (this.map.y[i] - this.y) * this.scale + this.h / 2
  }

  visible(i) {
    return this.map.x[i] >= 0 && !this.hidden.has(this.map.color[i])
  }

  get radius() {
    const count = this.all.data.ids.length
    return clamp((count > 6000 ? 1.9 : count > 1500 ? 2.6 : 3.6) * this.zoom ** 0.4, 1.5, 7)
  }

  nearest(x, y, reach) {
    let best = -1
    let least = reach * reach
    for (const tile of this.tiles || []) {
      if (Math.abs(x - tile.x) <= tile.w / 2 && Math.abs(y - tile.y) <= tile.h / 2) return tile.i
    }
    for (let i = 0; i < this.map.x.length; i++) {
      if (!this.visible(i)) continue
      const dx = this.sx(i) - x
      const dy = this.sy(i) - y
      const far = dx * dx + dy * dy
      if (far < least) {
        least = far
        best = i
      }
    }
    return best
  }

  // -- drawing --

  draw() {
    this.size()
    if (!this.w || !this.map) return
    const pen = this.base.getContext("2d")
    const { chosen, data } = this.all
    const style = getComputedStyle(this.all.root)
    this.ink = style.getPropertyValue("--ink").trim() || "#000"
    this.ground = style.getPropertyValue("--ground").trim() || "#fff"
    pen.clearRect(0, 0, this.w, this.h)
    const inFrame = []
    const edge = 60
    for (let i = 0; i < this.map.x.length; i++) {
      if (!this.visible(i)) continue
      const x = this.sx(i)
      const y = this.sy(i)
      if (x > -edge && y > -edge && x < this.w + edge && y < this.h + edge) inFrame.push(i)
    }
    const layers = chosen.size > 0
      ? [[inFrame.filter((i) => !chosen.has(i)), 0.16], [inFrame.filter((i) => chosen.has(i)), 0.88]]
      : [[inFrame, 0.88]]
    if (inFrame.length > MANY && this.radius < 3) {
      this.splat(pen, layers)
      this.lines(pen, data)
    } else {
      this.lines(pen, data)
      for (const [rows, alpha] of layers) this.dots(pen, rows, alpha)
    }
    this.thumbs(pen, inFrame)
    this.hover()
  }

  lines(pen, data) {
    const { chosen, everyLine } = this.all
    if (!data.mates || (!everyLine && !chosen.size)) return
    const n = data.left
    pen.strokeStyle = this.ink
    pen.lineWidth = 1
    pen.globalAlpha = clamp((chosen.size ? 16 / chosen.size : 60 / n) * this.zoom ** 0.3, 0.05, 0.5)
    pen.beginPath()
    for (let i = 0; i < n; i++) {
      if (!this.visible(i) || !this.visible(i + n)) continue
      if (chosen.size ? !chosen.has(i) && !chosen.has(i + n) : !everyLine) continue
      pen.moveTo(this.sx(i), this.sy(i))
      pen.lineTo(this.sx(i + n), this.sy(i + n))
    }
    pen.stroke()
    pen.globalAlpha = 1
  }

  dots(pen, rows, alpha) {
    const { left } = this.all.data
    const r = this.radius
    const groups = this.map.legend.map(() => [])
    for (const i of rows) groups[this.map.color[i]].push(i)
    pen.globalAlpha = alpha
    for (const number of this.order) {
      pen.fillStyle = this.map.legend[number].color
      pen.beginPath()
      for (const i of groups[number]) {
        const x = this.sx(i)
        const y = this.sy(i)
        if (i < left) {
          pen.moveTo(x + r, y)
          pen.arc(x, y, r, 0, 7)
        } else pen.rect(x - r * 0.85, y - r * 0.85, r * 1.7, r * 1.7)
      }
      pen.fill()
    }
    pen.globalAlpha = 1
  }

  // Thousands of small dots, pixel by pixel: round on the left side, square on the right.
  splat(pen, layers) {
    const { width, height } = this.base
    const dots = width / this.w
    if (this.image?.width !== width || this.image?.height !== height) {
      this.image = pen.createImageData(width, height)
      this.pixels = new Uint32Array(this.image.data.buffer)
    }
    const { pixels } = this
    pixels.fill(0)
    const { left } = this.all.data
    const size = Math.max(2, Math.round(this.radius * 2 * dots))
    const round = []
    const square = []
    const middle = (size - 1) / 2
    for (let y = 0; y < size; y++) {
      for (let x = 0; x < size; x++) {
        square.push(y * width + x)
        if ((x - middle) ** 2 + (y - middle) ** 2 <= (size / 2) ** 2 + 0.1) round.push(y * width + x)
      }
    }
    for (const [rows, alpha] of layers) {
      const groups = this.map.legend.map(() => [])
      for (const i of rows) groups[this.map.color[i]].push(i)
      for (const number of this.order) {
        const rgb = parseInt(this.map.legend[number].color.slice(1), 16)
        const ink = (((alpha * 255) << 24) | ((rgb & 255) << 16) | (rgb & 0xff00) | (rgb >> 16)) >>> 0
        for (const i of groups[number]) {
          const x = Math.round(this.sx(i) * dots - size / 2)
          const y = Math.round(this.sy(i) * dots - size / 2)
          if (x < 0 || y < 0 || x + size >= width || y + size >= height) continue
          const at = y * width + x
          for (const step of i < left ? round : square) pixels[at + step] = ink
        }
      }
    }
    pen.putImageData(this.image, 0, 0)
  }

  // Images where they fit: as large as their number in view allows, without overlaps.
  thumbs(pen, inFrame) {
    this.tiles = []
    const { chosen, data, pictures } = this.all
    const rows = chosen.size ? inFrame.filter((i) => chosen.has(i)) : inFrame
    const inside = rows.filter((i) => {
      const x = this.sx(i)
      const y = this.sy(i)
      return x > 0 && y > 0 && x < this.w && y < this.h
    })
    const side = clamp(Math.sqrt((0.5 * this.w * this.h) / Math.max(inside.length, 1)), 0, 84)
    this.box.dataset.pictures = 0
    if (side < (this.all.everyPicture ? 0 : 30) || !inside.length) return
    const most = Math.max(side, 34)
    const taken = new Map()
    const spot = (x, y) => [Math.floor(x / most), Math.floor(y / most)]
    const free = (x, y, size) => {
      const [cx, cy] = spot(x, y)
      for (let dx = -1; dx <= 1; dx++) {
        for (let dy = -1; dy <= 1; dy++) {
          for (const other of taken.get(`${cx + dx} ${cy + dy}`) || []) {
            const apart = (size + other.size) / 2 + 2
            if (Math.abs(other.x - x) < apart && Math.abs(other.y - y) < apart) return false
          }
        }
      }
      return true
    }
    // Large where there is room, then smaller ones into the gaps.
    let left = inside
    for (const size of [most, most * 0.68, most * 0.46]) {
      if (size < 24) break
      const rest = []
      for (const i of left) {
        const x = this.sx(i)
        const y = this.sy(i)
        if (!free(x, y, size)) {
          rest.push(i)
          continue
        }
        const key = spot(x, y).join(" ")
        if (!taken.has(key)) taken.set(key, [])
        taken.get(key).push({ x, y, size })
        this.thumb(pen, i, x, y, size)
      }
      left = rest
    }
    this.box.dataset.pictures = this.tiles.length
  }

  thumb(pen, i, x, y, size) {
    const image = this.all.pictures.get(this.all.data.keys[i])
    if (!image) return
    const fit = (size - 4) / Math.max(image.naturalWidth, image.naturalHeight)
    const w = image.naturalWidth * fit
    const h = image.naturalHeight * fit
    pen.fillStyle = this.map.legend[this.map.color[i]].color
    pen.fillRect(x - w / 2 - 2, y - h / 2 - 2, w + 4, h + 4)
    pen.drawImage(image, x - w / 2, y - h / 2, w, h)
    this.tiles.push({ i, x, y, w: w + 4, h: h + 4 })
  }

  // What changes with every move of the pointer, on a canvas of its own.
  hover() {
    const pen = this.top.getContext("2d")
    pen.clearRect(0, 0, this.w, this.h)
    const { hovered: i, data } = this.all
    if (i >= 0 && this.visible(i)) {
      const mate = data.mates ? (i < data.left ? i + data.left : i - data.left) : -1
      if (mate >= 0 && this.map.x[mate] >= 0) {
        pen.strokeStyle = this.ink
        pen.lineWidth = 1.5
        pen.beginPath()
        pen.moveTo(this.sx(i), this.sy(i))
        pen.lineTo(this.sx(mate), this.sy(mate))
        pen.stroke()
        this.ring(pen, mate, this.radius + 2, 2)
      }
      this.ring(pen, i, this.radius + 4, 3)
    }
    if (this.path.length > 1) {
      pen.beginPath()
      this.path.forEach(([x, y], n) => (n ? pen.lineTo(x, y) : pen.moveTo(x, y)))
      pen.closePath()
      pen.fillStyle = pen.strokeStyle = this.ink
      pen.globalAlpha = 0.08
      pen.fill()
      pen.globalAlpha = 1
      pen.setLineDash([5, 4])
      pen.lineWidth = 1.5
      pen.stroke()
      pen.setLineDash([])
    }
    this.drawCard(i)
  }

  ring(pen, i, radius, width) {
    for (const [color, thickness] of [[this.ground, width + 3], [this.ink, width]]) {
      pen.strokeStyle = color
      pen.lineWidth = thickness
      pen.beginPath()
      pen.arc(this.sx(i), this.sy(i), radius, 0, 7)
      pen.stroke()
    }
  }

  // The card: the image under the pointer and its mate, on the map that is pointed at.
  drawCard(i) {
    const { data, pictures } = this.all
    const active = this.all.pointed === this && i >= 0 && this.visible(i) && !this.path.length
    this.card.hidden = !active
    if (!active) {
      this.carded = -1
      return
    }
    const sent = data.base ? 0 : Object.keys(pictures.sent).length
    if (this.carded !== i || this.sent !== sent) {
      const mate = data.mates ? (i < data.left ? i + data.left : i - data.left) : -1
      const shown = [[i, data.mates ? (i < data.left ? "left" : "right") : ""]]
      if (mate >= 0) shown.push([mate, "its mate"])
      const pair = make("div", "pictures")
      for (const [row, word] of shown) {
        const figure = make("figure")
        const src = pictures.source(data.keys[row])
        const image = make(src ? "img" : "span", "pic")
        if (src) {
          image.src = src
          image.alt = ""
        }
        figure.append(image, make("figcaption", "", [word, data.ids[row]].filter(Boolean).join(" ")))
        pair.append(figure)
      }
      this.card.replaceChildren(pair, make("div", "facts", this.all.facts(this.map, i)))
      this.carded = i
      this.sent = sent
    }
    const wide = this.card.offsetWidth
    const high = this.card.offsetHeight
    const x = this.sx(i)
    const y = this.sy(i)
    const left = x + 18 + wide < this.w ? x + 18 : x - 18 - wide
    this.card.style.left = `${clamp(left, 4, Math.max(4, this.w - wide - 4))}px`
    this.card.style.top = `${clamp(y - high / 2, 4, Math.max(4, this.h - high - 4))}px`
  }

  // -- pointer and keys --

  listen() {
    const at = (event) => {
      const box = this.top.getBoundingClientRect()
      return [event.clientX - box.left, event.clientY - box.top]
    }
    this.top.onpointerdown = (event) => {
      this.top.setPointerCapture(event.pointerId)
      this.pointers.set(event.pointerId, at(event))
      this.moved = 0
      this.path = this.all.mode === "move" || this.pointers.size > 1 ? [] : [at(event)]
    }
    this.top.onpointermove = (event) => {
      const [x, y] = at(event)
      const before = this.pointers.get(event.pointerId)
      if (!before) {
        this.all.point(this, this.nearest(x, y, 14))
        return
      }
      this.moved += Math.hypot(x - before[0], y - before[1])
      if (this.pointers.size === 2) this.pinch(event.pointerId, before, [x, y])
      else if (this.all.mode === "move") this.pan(before[0] - x, before[1] - y)
      else if (this.all.mode === "lasso") this.path.push([x, y])
      else if (this.path.length) {
        const [[x0, y0]] = this.path
        this.path = [[x0, y0], [x, y0], [x, y], [x0, y]]
      }
      this.pointers.set(event.pointerId, [x, y])
      if (this.path.length) this.hover()
    }
    this.top.onpointerup = (event) => {
      const path = this.path
      this.pointers.delete(event.pointerId)
      this.path = []
      const [x, y] = at(event)
      if (this.moved < 5) this.click(this.nearest(x, y, 14), event.shiftKey)
      else if (path.length > 2) this.choose(this.inside(path), event.shiftKey)
      else this.hover()
    }
    this.top.onpointercancel = (event) => {
      this.pointers.delete(event.pointerId)
      this.path = []
      this.hover()
    }
    this.top.onpointerleave = () => !this.pointers.size && this.all.point(this, -1)
    this.top.onblur = () => this.all.point(this, -1)
    this.top.onwheel = (event) => {
      event.preventDefault()
      this.zoomBy(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0018)), ...at(event))
    }
    this.top.ondblclick = (event) => this.zoomBy(2, ...at(event))
    this.top.onkeydown = (event) => this.key(event)
  }

  pan(dx, dy) {
    this.x += dx / this.scale
    this.y += dy / this.scale
    this.all.later()
  }

  zoomBy(factor, x, y) {
    const before = this.scale
    const [dx, dy] = [x - this.w / 2, y - this.h / 2]
    this.zoom = clamp(this.zoom * factor, 0.5, 400)
    this.x += dx / before - dx / this.scale
    this.y += dy / before - dy / this.scale
    this.all.later()
  }

  pinch(id, before, now) {
    const [other] = [...this.pointers].filter(([key]) => key !== id).map(([, place]) => place)
    const [was, is] = [before, now].map(([x, y]) => Math.hypot(x - other[0], y - other[1]))
    if (was > 0) this.zoomBy(is / was, (now[0] + other[0]) / 2, (now[1] + other[1]) / 2)
  }

  inside(path) {
    const rows = []
    for (let i = 0; i < this.map.x.length; i++) {
      if (!this.visible(i)) continue
      const x = this.sx(i)
      const y = this.sy(i)
      let odd = false
      for (let a = 0, b = path.length - 1; a < path.length; b = a++) {
        const [[xa, ya], [xb, yb]] = [path[a], path[b]]
        if (ya > y !== yb > y && x < ((xb - xa) * (y - ya)) / (yb - ya) + xa) odd = !odd
      }
      if (odd) rows.push(i)
    }
    return rows
  }

  inView() {
    const [w, h] = [this.w, this.h]
    return this.inside([[0, 0], [w, 0], [w, h], [0, h]])
  }

  click(i, more) {
    if (i >= 0) this.choose([i], more)
    else if (!more && this.all.chosen.size) this.choose([], false)
    else this.hover()
  }

  choose(rows, more) {
    const selection = more ? new Set(this.all.chosen) : new Set()
    // A second click on the only selected point clears the selection.
    const again = rows.length === 1 && (more ? selection.has(rows[0]) : this.all.chosen.has(rows[0]) && this.all.chosen.size === 1)
    for (const row of rows) again ? selection.delete(row) : selection.add(row)
    this.all.choose(selection)
  }

  zoomTo(rows) {
    const visible = rows.filter((i) => this.map.x[i] >= 0)
    if (!visible.length) return
    const pick = (values) => visible.map((i) => values[i])
    const [x0, x1, y0, y1] = bounds({ x: pick(this.map.x), y: pick(this.map.y) })
    this.x = (x0 + x1) / 2
    this.y = (y0 + y1) / 2
    const least = Math.min(this.wide, this.high) / 40
    this.zoom = clamp(0.85 * Math.min(this.wide / Math.max(x1 - x0, least), this.high / Math.max(y1 - y0, least)), 0.5, 40)
    this.all.later()
  }

  // Arrows go from image to image; with Shift they pan the map.
  key(event) {
    const directions = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] }
    const direction = directions[event.key]
    const now = this.all.hovered
    const center = now >= 0 ? [this.sx(now), this.sy(now)] : [this.w / 2, this.h / 2]
    if (direction && event.shiftKey) this.pan(direction[0] * 80, direction[1] * 80)
    else if (direction) this.walk(direction, now)
    else if (event.key === "+" || event.key === "=") this.zoomBy(1.5, ...center)
    else if (event.key === "-") this.zoomBy(1 / 1.5, ...center)
    else if (event.key === "0") this.fit()
    else if (event.key === "Escape") this.choose([], false)
    else if (event.key === "v") this.choose(this.inView(), event.shiftKey)
    else if ((event.key === " " || event.key === "Enter") && now >= 0) this.choose([now], true)
    else return
    event.preventDefault()
  }

  walk([dx, dy], now) {
    if (now < 0 || !this.visible(now)) {
      this.all.point(this, this.nearest(this.w / 2, this.h / 2, 1e9))
      return
    }
    let best = -1
    let least = Infinity
    for (let i = 0; i < this.map.x.length; i++) {
      if (i === now || !this.visible(i)) continue
      const [x, y] = [this.map.x[i] - this.map.x[now], this.map.y[i] - this.map.y[now]]
      const ahead = x * dx + y * dy
      const aside = Math.abs(x * dy - y * dx)
      if (ahead <= 0 || aside > ahead) continue
      const cost = ahead + 2 * aside
      if (cost < least) {
        least = cost
        best = i
      }
    }
    if (best < 0) return
    const [x, y] = [this.sx(best), this.sy(best)]
    if (x < 20 || y < 20 || x > this.w - 20 || y > this.h - 20) {
      this.x = this.map.x[best]
      this.y = this.map.y[best]
      this.all.later()
    }
    this.all.point(this, best)
  }
}
