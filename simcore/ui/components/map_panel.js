// One map: title, legend, hit test, zoom, selection, keys. map.js holds what the maps share.

class Panel extends Drawing {
  constructor(all, number) {
    super()
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
    const above = make("div", "above")
    above.append(this.head, this.legend)
    this.box.append(above, this.stage)
    this.hidden = new Set() // categories that are switched off
    this.pointers = new Map()
    this.path = []
    this.fit()
    this.listen()
  }

  fit() {
    this.zoom = 1
    this.fitted = true // until somebody pans or zooms
    this.frame()
    this.all.later()
  }

  frame() {
    const [x0, x1, y0, y1] = this.map?.bounds || [0, FULL, 0, FULL]
    this.x = (x0 + x1) / 2
    this.y = (y0 + y1) / 2
    this.wide = Math.max(x1 - x0, 1)
    this.high = Math.max(y1 - y0, 1)
  }

  show(map) {
    const fresh = this.map?.made !== map.made
    this.map = map
    map.bounds ||= bounds([map])
    // Small groups are drawn last, so that large ones do not cover them.
    this.order = map.legend.map((_, group) => group)
    this.order.sort((a, b) => map.legend[b].count - map.legend[a].count)
    this.relabel(map)
    if (fresh) {
      this.hidden.clear()
      this.fit()
    }
  }

  relabel(map) {
    this.head.replaceChildren(make("span", "name", map.title), make("span", "sub", map.sub))
    this.top.setAttribute("aria-label", `${map.title}. ${map.say}`)
    this.drawLegend(map)
  }

  drawLegend(map) {
    const items = map.legend.map((entry, group) => {
      const item = make("button", "item")
      item.type = "button"
      const dot = make("i", entry.shape || "")
      dot.style.background = `light-dark(${entry.color}, ${brighter(entry.color)})`
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
    this.fitted = false
    this.x += dx / this.scale
    this.y += dy / this.scale
    this.all.later()
  }

  zoomBy(factor, x, y) {
    this.fitted = false
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
    this.fitted = false
    const pick = (values) => visible.map((i) => values[i])
    const [x0, x1, y0, y1] = bounds([{ x: pick(this.map.x), y: pick(this.map.y) }])
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
      this.fitted = false
      this.x = this.map.x[best]
      this.y = this.map.y[best]
      this.all.later()
    }
    this.all.point(this, best)
  }
}
