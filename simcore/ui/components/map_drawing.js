// What one map draws: points, lines between mates, images, words, and what follows the pointer.

const MANY = 3000 // points; more are written into the pixels directly, which needs no graphics card
const MOVING = 300 // as MANY, while points move
const FULL = 16384 // coordinates are whole numbers from 0 to this; -1 = no place
const ALPHA = 0.88 // of points, and of those that are not selected where others are
const DIMMED = 0.16

const clamp = (value, least, most) => Math.min(most, Math.max(least, value))

const bounds = (maps) => {
  const box = [FULL, 0, FULL, 0]
  for (const { x, y } of maps) {
    for (let i = 0; i < x.length; i++) {
      if (x[i] < 0) continue
      box[0] = Math.min(box[0], x[i])
      box[1] = Math.max(box[1], x[i])
      box[2] = Math.min(box[2], y[i])
      box[3] = Math.max(box[3], y[i])
    }
  }
  return box
}

const channels = (color) => [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16))

const BRIGHTER = 0.3 // share of white in the colors of points on a dark ground
const brighter = (color) =>
  "#" + channels(color).map((v) => Math.round(v + (255 - v) * BRIGHTER).toString(16).padStart(2, "0")).join("")
const isDark = (color) => {
  const parts = color.startsWith("#") ? channels(color) : (color.match(/\d+/g) || [255, 255, 255]).slice(0, 3).map(Number)
  return parts[0] + parts[1] + parts[2] < 380
}

class Drawing {
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
    const { out } = this.all.data
    return this.map.x[i] >= 0 && !(out && out[i]) && !this.hidden.has(this.map.color[i])
  }

  get radius() {
    const count = this.all.data.ids.length
    return clamp((count > 6000 ? 1.9 : count > 1500 ? 2.6 : 3.6) * this.zoom ** 0.4, 1.5, 7)
  }

  // Places of all points on the screen, and which of them are in view; once per frame.
  project() {
    const { x, y } = this.map
    const n = x.length
    if (this.px?.length !== n) {
      this.px = new Float32Array(n)
      this.py = new Float32Array(n)
      this.inFrame = new Int32Array(n)
    }
    const { px, py, inFrame, scale, w, h } = this
    const edge = 60
    const dx = w / 2 - this.x * scale
    const dy = h / 2 - this.y * scale
    let count = 0
    for (let i = 0; i < n; i++) {
      if (!this.visible(i)) continue
      const a = x[i] * scale + dx
      const b = y[i] * scale + dy
      px[i] = a
      py[i] = b
      if (a > -edge && b > -edge && a < w + edge && b < h + edge) inFrame[count++] = i
    }
    return inFrame.subarray(0, count)
  }

  // -- drawing --

  draw() {
    const moving = this.all.moving
    if (!moving || !this.w) {
      this.size()
      const style = getComputedStyle(this.all.root)
      this.ink = style.getPropertyValue("--ink").trim() || "#000"
      this.ground = style.getPropertyValue("--ground").trim() || "#fff"
      this.dark = isDark(this.ground)
      this.accent = style.getPropertyValue("--accent").trim() || this.ink
    }
    if (!this.w || !this.map) return
    const pen = this.base.getContext("2d")
    const { chosen, data } = this.all
    const inFrame = this.project()
    const layers = chosen.size > 0
      ? [[inFrame.filter((i) => !chosen.has(i)), DIMMED], [inFrame.filter((i) => chosen.has(i)), ALPHA]]
      : [[inFrame, ALPHA]]
    if (inFrame.length > (moving ? MOVING : MANY) && this.radius < 3) {
      this.splat(pen, layers)
      this.lines(pen, data)
    } else {
      pen.clearRect(0, 0, this.w, this.h)
      this.lines(pen, data)
      for (const [rows, alpha] of layers) this.dots(pen, rows, alpha)
    }
    if (moving) this.movedThumbs(pen)
    else this.thumbs(pen, inFrame)
    this.words(pen)
    this.hover()
  }

  // The color and opacity of each group of points. While a morph is between two maps a group is a
  // pair of groups, and its color between theirs.
  get paint() {
    const { shade, shades, color, legend } = this.map
    if (shades) return { of: shade, shades }
    return { of: color, shades: this.order.map((group) => ({ group, color: legend[group].color, alpha: 1 })) }
  }

  // A color as it is drawn on this ground.
  seen(color) {
    return this.dark ? brighter(color) : color
  }

  // Rows by group, in the order in which groups are drawn.
  grouped(rows) {
    const { of, shades } = this.paint
    const lists = new Map(shades.map((entry) => [entry.group, []]))
    for (const i of rows) lists.get(of[i]).push(i)
    return shades.map((entry) => [entry, lists.get(entry.group)])
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
      if (chosen.size ? !chosen.has(i) && !chosen.has(i + n) : !everyLine) continue
      if (!this.visible(i) || !this.visible(i + n)) continue
      pen.moveTo(this.px[i], this.py[i])
      pen.lineTo(this.px[i + n], this.py[i + n])
    }
    pen.stroke()
    pen.globalAlpha = 1
  }

  dots(pen, rows, alpha) {
    const { left } = this.all.data
    const { px, py, radius: r } = this
    for (const [shade, members] of this.grouped(rows)) {
      pen.globalAlpha = alpha * shade.alpha
      pen.fillStyle = this.seen(shade.color)
      pen.beginPath()
      for (const i of members) {
        if (i < left) {
          pen.moveTo(px[i] + r, py[i])
          pen.arc(px[i], py[i], r, 0, 7)
        } else pen.rect(px[i] - r * 0.85, py[i] - r * 0.85, r * 1.7, r * 1.7)
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
    const { pixels, px, py } = this
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
      for (const [shade, members] of this.grouped(rows)) {
        const [red, green, blue] = channels(this.seen(shade.color))
        const ink = ((Math.round(alpha * shade.alpha * 255) << 24) | (blue << 16) | (green << 8) | red) >>> 0
        for (const i of members) {
          const x = Math.round(px[i] * dots - size / 2)
          const y = Math.round(py[i] * dots - size / 2)
          if (x < 0 || y < 0 || x + size >= width || y + size >= height) continue
          const at = y * width + x
          const steps = i < left ? round : square
          for (let k = 0; k < steps.length; k++) pixels[at + steps[k]] = ink
        }
      }
    }
    pen.putImageData(this.image, 0, 0)
  }

  // Images where they fit: as large as their number in view allows, without overlaps.
  thumbs(pen, inFrame) {
    this.tiles = []
    const { chosen } = this.all
    const { px, py } = this
    const inside = []
    for (const i of inFrame) {
      if (chosen.size && !chosen.has(i)) continue
      if (px[i] > 0 && py[i] > 0 && px[i] < this.w && py[i] < this.h) inside.push(i)
    }
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
        const [x, y] = [px[i], py[i]]
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
    const { of, shades } = this.paint
    pen.fillStyle = this.seen(shades.find((shade) => shade.group === of[i]).color)
    pen.fillRect(x - w / 2 - 2, y - h / 2 - 2, w + 4, h + 4)
    pen.drawImage(image, x - w / 2, y - h / 2, w, h)
    this.tiles.push({ i, x, y, size, w: w + 4, h: h + 4 })
  }

  // While points move, the images that were drawn move with them: choosing them anew would flicker.
  movedThumbs(pen) {
    const before = this.tiles || []
    this.tiles = []
    for (const { i, size } of before) if (this.visible(i)) this.thumb(pen, i, this.px[i], this.py[i], size)
  }

  // Names of clusters, the largest first; one that would cover another is left out.
  words(pen) {
    const words = this.map.words || []
    const strength = this.map.strength ?? 1
    this.box.dataset.words = 0
    if (!words.length || strength <= 0) return
    pen.font = `600 13px ${getComputedStyle(this.all.root).fontFamily}`
    pen.textAlign = "center"
    pen.textBaseline = "middle"
    pen.lineJoin = "round"
    pen.lineWidth = 4
    pen.globalAlpha = strength
    pen.strokeStyle = this.ground
    pen.fillStyle = this.ink
    const taken = []
    for (const word of words) {
      const half = pen.measureText(word.text).width / 2
      const x = clamp((word.x - this.x) * this.scale + this.w / 2, half + 6, Math.max(half + 6, this.w - half - 6))
      const y = (word.y - this.y) * this.scale + this.h / 2
      if (y < 10 || y > this.h - 10) continue
      if (taken.some((other) => Math.abs(other.x - x) < other.half + half + 6 && Math.abs(other.y - y) < 18)) continue
      taken.push({ x, y, half })
      pen.strokeText(word.text, x, y)
      pen.fillText(word.text, x, y)
    }
    pen.globalAlpha = 1
    this.box.dataset.words = taken.length
  }

  // What changes with every move of the pointer, on a canvas of its own.
  hover() {
    const { hovered: i, data } = this.all
    const active = i >= 0 && this.visible(i)
    if (!active && this.path.length < 2 && !data.photo && !this.inked) return
    const pen = this.top.getContext("2d")
    pen.clearRect(0, 0, this.w, this.h)
    this.inked = active || this.path.length > 1 || Boolean(data.photo)
    if (data.photo) this.photo(pen, data.photo)
    if (active) {
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
    this.drawCard(active ? i : -1)
  }

  // The visitor's own image, with lines to the images that it resembles most.
  photo(pen, photo) {
    const place = this.place(photo)
    if (!place) return
    const x = (place.x - this.x) * this.scale + this.w / 2
    const y = (place.y - this.y) * this.scale + this.h / 2
    pen.strokeStyle = this.accent
    pen.lineWidth = 1.5
    pen.beginPath()
    for (const i of place.near) {
      if (!this.visible(i)) continue
      pen.moveTo(x, y)
      pen.lineTo(this.sx(i), this.sy(i))
    }
    pen.stroke()
    const r = 26
    for (const [color, extra] of [[this.ground, 5], [this.accent, 3]]) {
      pen.fillStyle = color
      pen.beginPath()
      pen.arc(x, y, r + extra, 0, 7)
      pen.fill()
    }
    const image = this.all.ownImage
    if (!image?.complete || !image.naturalWidth) return
    const cut = Math.min(image.naturalWidth, image.naturalHeight)
    pen.save()
    pen.beginPath()
    pen.arc(x, y, r, 0, 7)
    pen.clip()
    pen.drawImage(image, (image.naturalWidth - cut) / 2, (image.naturalHeight - cut) / 2, cut, cut, x - r, y - r, 2 * r, 2 * r)
    pen.restore()
  }

  // Where the visitor's own image is on this map, null where it is not.
  place(photo) {
    const stop = this.all.morph ? this.all.morph.at : this.number
    const { places } = photo
    if (!this.all.morph || Number.isInteger(stop)) return places[stop]
    const [from, to] = [places[Math.floor(stop)], places[Math.ceil(stop)]]
    if (!from || !to) return from || to
    const share = stop - Math.floor(stop)
    const mix = (a, b) => a + (b - a) * share
    return { x: mix(from.x, to.x), y: mix(from.y, to.y), near: (share < 0.5 ? from : to).near }
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
    const active = this.all.pointed === this && i >= 0 && !this.path.length
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
}
