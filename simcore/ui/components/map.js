// Maps whose points are images. Python sends `data`; the selection returns as the state "chosen"
// (positions in data.ids). All maps show the same images, so hover and selection are shared.

const shown = new WeakMap() // root -> its Maps

// ---- images: by address where the server has them, else requested from Python ----

class Pictures {
  constructor(ask, ready) {
    this.ask = ask
    this.ready = ready
    this.known = new Map() // key -> Image
    this.missing = new Set()
  }

  update(data) {
    this.base = data.base
    this.sent = data.thumbs || {}
    for (const key of Object.keys(this.sent)) this.missing.delete(key)
  }

  source(key) {
    if (this.base) return this.base + key
    if (this.sent[key] === undefined && !this.missing.has(key)) {
      this.missing.add(key)
      clearTimeout(this.timer)
      this.timer = setTimeout(() => this.ask([...this.missing].slice(-96)), 120)
    }
    return this.sent[key] || ""
  }

  get(key) {
    const image = this.known.get(key)
    if (image) {
      this.known.delete(key)
      this.known.set(key, image) // newest last
      return image.complete && image.naturalWidth ? image : null
    }
    const src = this.source(key)
    if (!src) return null
    const loading = new Image()
    loading.decoding = "async"
    loading.onload = this.ready
    loading.src = src
    this.known.set(key, loading)
    if (this.known.size > 1500) this.known.delete(this.known.keys().next().value)
    return null
  }
}

// ---- all maps of a page ----

const TOOLS = [
  ["move", "Pan", "Drag to pan, wheel or two fingers to zoom; click a point to select it"],
  ["lasso", "Lasso", "Draw around the points to select"],
  ["box", "Box", "Draw a box over the points to select"],
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
    this.moving = false // whether points are on their way between two maps
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
    const buttons = TOOLS.map(([mode, word, title]) => {
      const button = this.button(modes, word, title, () => {
        this.mode = mode
        buttons.forEach((other) => other.setAttribute("aria-pressed", String(other === button)))
        this.row.dataset.mode = mode
      })
      button.setAttribute("aria-pressed", String(mode === this.mode))
      return button
    })
    const view = make("div", "group")
    this.button(view, "+", "Zoom in", () => this.panels.forEach((p) => p.zoomBy(1.6, p.w / 2, p.h / 2)))
    this.button(view, "−", "Zoom out", () => this.panels.forEach((p) => p.zoomBy(1 / 1.6, p.w / 2, p.h / 2)))
    this.button(view, "All", "Show the whole map (0)", () => this.panels.forEach((p) => p.fit()))
    const show = make("div", "group")
    this.mateLines = this.toggle(show, "Mates", "Connect all mates with lines", "everyLine")
    this.toggle(show, "Images", "Draw images at every zoom, where they fit", "everyPicture")
    const own = make("div", "group")
    this.file = make("input")
    this.file.type = "file"
    this.file.accept = "image/*"
    this.file.hidden = true
    this.file.onchange = () => this.sendImage(this.file.files[0])
    this.addImage = this.button(own, "Your photo", "See where an image of yours lands; or drop it onto the map", () => this.file.click())
    const remove = make("div", "group")
    this.removeImage = this.button(remove, "Remove photo", "Take your image off the map", () => this.send("photo", { name: "", data: "" }))
    own.append(this.file)
    const pick = make("div", "group pick")
    this.zoomTo = this.button(pick, "Zoom to selection", "Show the selected points as large as they fit", () =>
      this.panels.forEach((panel) => panel.zoomTo([...this.chosen])))
    this.clear = this.button(pick, "Clear", "Clear the selection (Esc)", () => this.choose(new Set()))
    this.count = make("span", "count")
    pick.append(this.count)
    this.bar.replaceChildren(modes, view, show, own, remove, this.search(), pick)
    this.row.ondragover = (event) => {
      if (!this.data.photos || !event.dataTransfer.types.includes("Files")) return
      event.preventDefault()
      this.row.classList.add("over")
    }
    this.row.ondragleave = () => this.row.classList.remove("over")
    this.row.ondrop = (event) => {
      if (!this.data.photos) return
      event.preventDefault()
      this.row.classList.remove("over")
      this.sendImage(event.dataTransfer.files[0])
    }
  }

  // An image from outside goes to Python as base64, and is not stored.
  sendImage(file) {
    this.file.value = "" // so that the same file can be chosen again
    if (!file) return
    if (file.size > this.data.photos * 2 ** 20) {
      this.count.textContent = this.status.textContent = `${file.name} is larger than ${this.data.photos} MB`
      return
    }
    const reader = new FileReader()
    reader.onload = () => {
      this.status.textContent = `Placing ${file.name}`
      this.send("photo", { name: file.name, data: reader.result.slice(reader.result.indexOf(",") + 1) })
    }
    reader.readAsDataURL(file)
  }

  // Selects all images whose id contains the text, and shows them as large as they fit.
  search() {
    const box = make("form", "group search")
    box.setAttribute("role", "search")
    const field = make("input")
    field.type = "search"
    field.placeholder = "Find an id"
    field.setAttribute("aria-label", "Find images by a part of their id")
    box.append(field)
    box.onsubmit = (event) => {
      event.preventDefault()
      const text = field.value.trim().toLowerCase()
      const rows = []
      if (text) this.data.ids.forEach((id, i) => id.toLowerCase().includes(text) && rows.push(i))
      const exact = rows.filter((i) => this.data.ids[i].toLowerCase() === text)
      const chosen = exact.length ? exact : rows
      this.choose(new Set(chosen))
      this.status.textContent = chosen.length ? `${chosen.length} found` : `No id contains ${text}`
      this.count.textContent = chosen.length ? this.count.textContent : text ? "none found" : ""
      if (chosen.length) this.panels.forEach((panel) => panel.zoomTo(chosen))
    }
    field.onkeydown = (event) => event.stopPropagation() // the map has keys of its own
    return box
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
    const count = data.morph ? 1 : data.maps.length
    while (this.panels.length > count) this.panels.pop().box.remove()
    while (this.panels.length < count) {
      const panel = new Panel(this, this.panels.length)
      this.panels.push(panel)
      this.row.append(panel.box)
    }
    this.row.dataset.count = count
    this.showOwnImage(data.photo)
    if (data.morph) this.showMorph(data)
    else {
      this.morph?.box.remove()
      this.morph = null
      this.moving = false
      data.maps.forEach((map, number) => this.panels[number].show(map))
    }
    this.counted()
    this.later()
  }

  showMorph(data) {
    if (!this.morph) {
      this.morph = new Morph(this)
      this.row.before(this.morph.box)
    }
    this.morph.show(data.maps, data.at)
    this.panels[0].show(this.morph.map)
  }

  showOwnImage(photo) {
    this.addImage.hidden = !this.data.photos
    this.removeImage.hidden = !this.data.photos || !photo
    if (this.ownImage?.source === photo?.src) return
    this.ownImage = photo ? new Image() : null
    if (!photo) return
    this.ownImage.source = photo.src
    this.ownImage.onload = () => this.later()
    this.ownImage.src = photo.src
  }

  facts(map, i) {
    const { data } = this
    const facts = [`${map.legend[map.color[i]].name}`]
    if (map.rank) facts.push(map.rank[i] === 1 ? "mate at rank 1" : `mate at rank ${map.rank[i].toLocaleString("en")}`)
    if (data.faces) facts.push(data.faces[i] === 1 ? "1 face" : `${data.faces[i]} faces`)
    return [...new Set(facts)].join(" · ")
  }

  point(panel, i) {
    if (this.hovered === i && this.pointed === panel) return
    this.hovered = i
    this.pointed = panel
    panel.top.style.cursor = i >= 0 ? "pointer" : ""
    for (const other of this.panels) other.hover()
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
    this.count.textContent = count ? `${count.toLocaleString("en")} selected` : ""
    this.zoomTo.hidden = this.clear.hidden = !count
    if (count) this.status.textContent = `${count} selected; they are shown below the map`
  }

  // Redraw once per frame, whatever happened before it.
  later() {
    if (this.waiting) return
    this.waiting = requestAnimationFrame(() => {
      this.waiting = 0
      this.paint()
    })
  }

  paint() {
    const began = performance.now()
    for (const panel of this.panels) panel.draw()
    if (!this.moving) this.root.dataset.ms = (performance.now() - began).toFixed(1)
  }
}

export default function (component) {
  const { data, parentElement, setStateValue, setTriggerValue } = component
  const root = parentElement.querySelector(".m")
  if (!root || !data) return
  let maps = shown.get(root)
  if (!maps) {
    maps = new Maps(root, null)
    maps.chosen = new Set(data.chosen || []) // set in an HTML export only
    shown.set(root, maps)
  }
  maps.send = (name, value) => (name === "want" || name === "photo" ? setTriggerValue(name, value) : setStateValue(name, value))
  maps.show(data)
}
