// Maps of points that are pictures. Python sends `data`; what a person chooses goes back as the state
// "chosen" (positions in data.ids). All maps show the same points, so hover and choice are shared.
// People's words reach the page through textContent and attributes only.

const MANY = 3000 // points; more are put into the pixels directly, which no graphics card is needed for
const FULL = 16384 // coordinates are whole numbers from 0 to this; -1 = no place
const held = new WeakMap() // root -> what it shows

const make = (tag, className, text) => {
  const node = document.createElement(tag)
  if (className) node.className = className
  if (text !== undefined && text !== null && text !== "") node.textContent = text
  return node
}

const clamp = (value, least, most) => Math.min(most, Math.max(least, value))

const bounds = (map) => {
  const found = [FULL, 0, FULL, 0]
  for (let i = 0; i < map.x.length; i++) {
    if (map.x[i] < 0) continue
    found[0] = Math.min(found[0], map.x[i])
    found[1] = Math.max(found[1], map.x[i])
    found[2] = Math.min(found[2], map.y[i])
    found[3] = Math.max(found[3], map.y[i])
  }
  return found
}

// ---- pictures: by address where a server has them, else Python is asked for them ----

class Pictures {
  constructor(ask, ready) {
    this.ask = ask
    this.ready = ready
    this.known = new Map() // key -> Image
    this.wanted = new Set()
  }

  update(data) {
    this.base = data.base
    this.sent = data.thumbs || {}
    for (const key of Object.keys(this.sent)) this.wanted.delete(key)
  }

  source(key) {
    if (this.base) return this.base + key
    if (this.sent[key] === undefined && !this.wanted.has(key)) {
      this.wanted.add(key)
      clearTimeout(this.timer)
      this.timer = setTimeout(() => this.ask([...this.wanted].slice(-96)), 120)
    }
    return this.sent[key] || ""
  }

  get(key) {
    const found = this.known.get(key)
    if (found) {
      this.known.delete(key)
      this.known.set(key, found) // newest last
      return found.complete && found.naturalWidth ? found : null
    }
    const src = this.source(key)
    if (!src) return null
    const image = new Image()
    image.decoding = "async"
    image.onload = this.ready
    image.src = src
    this.known.set(key, image)
    if (this.known.size > 1500) this.known.delete(this.known.keys().next().value)
    return null
  }
}

// ---- one map ----

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
    this.top.setAttribute("aria-roledescription", "map of pictures")
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
    // Few on top of many, so that what is rare can be seen.
    this.order = map.legend.map((_, group) => group)
    this.order.sort((a, b) => map.legend[b].count - map.legend[a].count)
    this.head.replaceChildren(make("span", "name", map.title), make("span", "sub", map.sub))
    this.top.setAttribute("aria-label", `${map.title}. ${map.say}`)
    this.names(map)
    if (fresh) {
      this.hidden.clear()
      this.fit()
    }
  }

  names(map) {
    const items = map.legend.map((one, group) => {
      const item = make("button", "item")
      item.type = "button"
      const dot = make("i", one.shape || "")
      dot.style.background = one.colour
      item.append(dot, make("span", "", one.name), make("span", "count", one.count.toLocaleString("en")))
      item.setAttribute("aria-pressed", String(!this.hidden.has(group)))
      item.title = "Show or hide these"
      item.onclick = () => {
        if (!this.hidden.delete(group)) this.hidden.add(group)
        item.setAttribute("aria-pressed", String(!this.hidden.has(group)))
        this.all.later()
      }
      return item
    })
    this.legend.replaceChildren(...items)
  }

  // -- where things are --

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
    const edge = this.all.data.ids.length > 300 ? 36 : 96 // where pictures are drawn at once
    return Math.min((this.w - edge) / this.wide, (this.h - edge) / this.high) * this.zoom
  }

  sx(i) {
    return (this.map.x[i] - this.x) * this.scale + this.w / 2
  }

  sy(i) {
    return (this.map.y[i] - this.y) * this.scale + this.h / 2
  }

  there(i) {
    return this.map.x[i] >= 0 && !this.hidden.has(this.map.colour[i])
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
      if (!this.there(i)) continue
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
    const look = getComputedStyle(this.all.root)
    this.ink = look.getPropertyValue("--ink").trim() || "#000"
    this.ground = look.getPropertyValue("--ground").trim() || "#fff"
    pen.clearRect(0, 0, this.w, this.h)
    const seen = []
    const edge = 60
    for (let i = 0; i < this.map.x.length; i++) {
      if (!this.there(i)) continue
      const x = this.sx(i)
      const y = this.sy(i)
      if (x > -edge && y > -edge && x < this.w + edge && y < this.h + edge) seen.push(i)
    }
    const some = chosen.size > 0
    const layers = some
      ? [[seen.filter((i) => !chosen.has(i)), 0.16], [seen.filter((i) => chosen.has(i)), 0.88]]
      : [[seen, 0.88]]
    if (seen.length > MANY && this.radius < 3) {
      this.splat(pen, layers)
      this.lines(pen, data)
    } else {
      this.lines(pen, data)
      for (const [rows, alpha] of layers) this.dots(pen, rows, alpha)
    }
    this.thumbs(pen, seen)
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
      if (!this.there(i) || !this.there(i + n)) continue
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
    for (const i of rows) groups[this.map.colour[i]].push(i)
    pen.globalAlpha = alpha
    for (const number of this.order) {
      pen.fillStyle = this.map.legend[number].colour
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
      for (const i of rows) groups[this.map.colour[i]].push(i)
      for (const number of this.order) {
        const rgb = parseInt(this.map.legend[number].colour.slice(1), 16)
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

  // Pictures where there is room: as large as the number in view allows, and never one over another.
  thumbs(pen, seen) {
    this.tiles = []
    const { chosen, data, pictures } = this.all
    const rows = chosen.size ? seen.filter((i) => chosen.has(i)) : seen
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
    pen.fillStyle = this.map.legend[this.map.colour[i]].colour
    pen.fillRect(x - w / 2 - 2, y - h / 2 - 2, w + 4, h + 4)
    pen.drawImage(image, x - w / 2, y - h / 2, w, h)
    this.tiles.push({ i, x, y, w: w + 4, h: h + 4 })
  }

  // What changes with every move of the hand, on a canvas of its own.
  hover() {
    const pen = this.top.getContext("2d")
    pen.clearRect(0, 0, this.w, this.h)
    const { hovered: i, data } = this.all
    if (i >= 0 && this.there(i)) {
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
    this.tell(i)
  }

  ring(pen, i, radius, width) {
    for (const [colour, wide] of [[this.ground, width + 3], [this.ink, width]]) {
      pen.strokeStyle = colour
      pen.lineWidth = wide
      pen.beginPath()
      pen.arc(this.sx(i), this.sy(i), radius, 0, 7)
      pen.stroke()
    }
  }

  // The card: the picture under the hand and its mate. Only the map that is pointed at has one.
  tell(i) {
    const { data, pictures } = this.all
    const mine = this.all.pointed === this && i >= 0 && this.there(i) && !this.path.length
    this.card.hidden = !mine
    if (!mine) {
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
        const one = make("figure")
        const src = pictures.source(data.keys[row])
        const image = make(src ? "img" : "span", "pic")
        if (src) {
          image.src = src
          image.alt = ""
        }
        one.append(image, make("figcaption", "", [word, data.ids[row]].filter(Boolean).join(" ")))
        pair.append(one)
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

  // -- hands and keys --

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
      this.near(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0018)), ...at(event))
    }
    this.top.ondblclick = (event) => this.near(2, ...at(event))
    this.top.onkeydown = (event) => this.key(event)
  }

  pan(dx, dy) {
    this.x += dx / this.scale
    this.y += dy / this.scale
    this.all.later()
  }

  near(factor, x, y) {
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
    if (was > 0) this.near(is / was, (now[0] + other[0]) / 2, (now[1] + other[1]) / 2)
  }

  inside(path) {
    const found = []
    for (let i = 0; i < this.map.x.length; i++) {
      if (!this.there(i)) continue
      const x = this.sx(i)
      const y = this.sy(i)
      let odd = false
      for (let a = 0, b = path.length - 1; a < path.length; b = a++) {
        const [[xa, ya], [xb, yb]] = [path[a], path[b]]
        if (ya > y !== yb > y && x < ((xb - xa) * (y - ya)) / (yb - ya) + xa) odd = !odd
      }
      if (odd) found.push(i)
    }
    return found
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
    const kept = more ? new Set(this.all.chosen) : new Set()
    // Clicking the only chosen one again lets it go.
    const again = rows.length === 1 && (more ? kept.has(rows[0]) : this.all.chosen.has(rows[0]) && this.all.chosen.size === 1)
    for (const row of rows) again ? kept.delete(row) : kept.add(row)
    this.all.choose(kept)
  }

  zoomTo(rows) {
    const there = rows.filter((i) => this.map.x[i] >= 0)
    if (!there.length) return
    const pick = (values) => there.map((i) => values[i])
    const [x0, x1, y0, y1] = bounds({ x: pick(this.map.x), y: pick(this.map.y) })
    this.x = (x0 + x1) / 2
    this.y = (y0 + y1) / 2
    const least = Math.min(this.wide, this.high) / 40
    this.zoom = clamp(0.85 * Math.min(this.wide / Math.max(x1 - x0, least), this.high / Math.max(y1 - y0, least)), 0.5, 40)
    this.all.later()
  }

  // Arrows walk from picture to picture; with Shift they move the map.
  key(event) {
    const ways = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] }
    const way = ways[event.key]
    const now = this.all.hovered
    const centre = now >= 0 ? [this.sx(now), this.sy(now)] : [this.w / 2, this.h / 2]
    if (way && event.shiftKey) this.pan(way[0] * 80, way[1] * 80)
    else if (way) this.walk(way, now)
    else if (event.key === "+" || event.key === "=") this.near(1.5, ...centre)
    else if (event.key === "-") this.near(1 / 1.5, ...centre)
    else if (event.key === "0") this.fit()
    else if (event.key === "Escape") this.choose([], false)
    else if (event.key === "v") this.choose(this.inView(), event.shiftKey)
    else if ((event.key === " " || event.key === "Enter") && now >= 0) this.choose([now], true)
    else return
    event.preventDefault()
  }

  walk([dx, dy], now) {
    if (now < 0 || !this.there(now)) {
      this.all.point(this, this.nearest(this.w / 2, this.h / 2, 1e9))
      return
    }
    let best = -1
    let least = Infinity
    for (let i = 0; i < this.map.x.length; i++) {
      if (i === now || !this.there(i)) continue
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

// ---- all maps of a page ----

const TOOLS = [
  ["move", "Move", "Drag to move, wheel or two fingers to zoom; click a point to choose it"],
  ["lasso", "Lasso", "Draw round what you want to see"],
  ["box", "Box", "Draw a box over what you want to see"],
]

class Maps {
  constructor(root, send) {
    this.root = root
    this.send = send
    this.chosen = new Set()
    this.hovered = -1
    this.mode = "move"
    this.panels = []
    this.pictures = new Pictures((keys) => this.send("want", keys), () => this.later())
    this.bar = make("div", "bar")
    this.status = make("div", "sr")
    this.status.setAttribute("role", "status")
    this.row = make("div", "maps")
    root.replaceChildren(this.bar, this.row, this.status)
    this.tools()
    new ResizeObserver(() => this.later()).observe(root)
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.later())
  }

  button(group, word, title, act) {
    const button = make("button", "", word)
    button.type = "button"
    button.title = title
    button.onclick = act
    group.append(button)
    return button
  }

  tools() {
    const modes = make("div", "group")
    modes.setAttribute("role", "group")
    modes.setAttribute("aria-label", "What dragging does")
    const all = TOOLS.map(([mode, word, title]) => {
      const button = this.button(modes, word, title, () => {
        this.mode = mode
        all.forEach((other) => other.setAttribute("aria-pressed", String(other === button)))
        this.row.dataset.mode = mode
      })
      button.setAttribute("aria-pressed", String(mode === this.mode))
      return button
    })
    const view = make("div", "group")
    this.button(view, "+", "Zoom in", () => this.panels.forEach((p) => p.near(1.6, p.w / 2, p.h / 2)))
    this.button(view, "−", "Zoom out", () => this.panels.forEach((p) => p.near(1 / 1.6, p.w / 2, p.h / 2)))
    this.button(view, "All", "Show the whole map (0)", () => this.panels.forEach((p) => p.fit()))
    const show = make("div", "group")
    this.mateLines = this.toggle(show, "Mates", "Lines between all mates", "everyLine")
    this.toggle(show, "Pictures", "Pictures at every zoom, where there is room", "everyPicture")
    const pick = make("div", "group pick")
    this.zoomTo = this.button(pick, "Zoom to chosen", "Show what is chosen as large as it fits", () =>
      this.panels.forEach((panel) => panel.zoomTo([...this.chosen])))
    this.clear = this.button(pick, "Clear", "Choose nothing (Esc)", () => this.choose(new Set()))
    this.count = make("span", "count")
    pick.append(this.count)
    this.bar.replaceChildren(modes, view, show, pick)
  }

  toggle(group, word, title, name) {
    const button = this.button(group, word, title, () => {
      this[name] = !this[name]
      button.setAttribute("aria-pressed", String(this[name]))
      this.later()
    })
    this[name] = false
    button.setAttribute("aria-pressed", "false")
    return button
  }

  show(data) {
    this.data = data
    this.pictures.update(data)
    this.mateLines.hidden = !data.mates
    while (this.panels.length > data.maps.length) this.panels.pop().box.remove()
    while (this.panels.length < data.maps.length) {
      const panel = new Panel(this, this.panels.length)
      this.panels.push(panel)
      this.row.append(panel.box)
    }
    this.row.dataset.count = data.maps.length
    data.maps.forEach((map, number) => this.panels[number].show(map))
    this.counted()
    this.later()
  }

  facts(map, i) {
    const { data } = this
    const said = [`${map.legend[map.colour[i]].name}`]
    if (map.rank) said.push(map.rank[i] === 1 ? "mate found first" : `mate at rank ${map.rank[i].toLocaleString("en")}`)
    if (data.faces) said.push(data.faces[i] === 1 ? "1 face" : `${data.faces[i]} faces`)
    return [...new Set(said)].join(" · ")
  }

  point(panel, i) {
    if (this.hovered === i && this.pointed === panel) return
    this.hovered = i
    this.pointed = panel
    panel.top.style.cursor = i >= 0 ? "pointer" : ""
    for (const one of this.panels) one.hover()
    if (i >= 0) this.status.textContent = `${i < this.data.left ? "left" : "right"} ${this.data.ids[i]}, ${this.facts(panel.map, i)}`
  }

  choose(rows) {
    this.chosen = rows
    this.counted()
    this.later()
    this.send("chosen", [...rows].sort((a, b) => a - b))
  }

  counted() {
    const count = this.chosen.size
    this.count.textContent = count ? `${count.toLocaleString("en")} chosen` : ""
    this.zoomTo.hidden = this.clear.hidden = !count
    if (count) this.status.textContent = `${count} chosen; they are shown below the map`
  }

  // Everything that happens before the next frame is drawn once.
  later() {
    if (this.waiting) return
    this.waiting = requestAnimationFrame(() => {
      this.waiting = 0
      const began = performance.now()
      for (const panel of this.panels) panel.draw()
      this.root.dataset.ms = (performance.now() - began).toFixed(1)
    })
  }
}

export default function (component) {
  const { data, parentElement, setStateValue, setTriggerValue } = component
  const root = parentElement.querySelector(".m")
  if (!root || !data) return
  let maps = held.get(root)
  if (!maps) {
    maps = new Maps(root, null)
    maps.chosen = new Set(data.chosen || []) // in a report; the app knows it already
    held.set(root, maps)
  }
  maps.send = (name, value) => (name === "chosen" ? setStateValue(name, value) : setTriggerValue(name, value))
  maps.show(data)
}
