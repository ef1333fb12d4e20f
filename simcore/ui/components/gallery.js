// The gallery. Python sends `data`; a click sets the trigger "picked" {id, side, step}. Space, a
// long press and the magnifier enlarge a picture (lightbox.js).

const shown = new WeakMap() // root -> its data, so that nothing is drawn twice
const folded = new WeakMap() // root -> the titles of the rows that are folded

const picture = (item, eager) => {
  const box = make("span", "pic")
  const showMissing = () => box.replaceChildren(make("span", "gone", item.id || "no image"))
  if (!item.src) {
    showMissing()
    return box
  }
  const img = make("img")
  img.alt = ""
  img.decoding = "async"
  img.loading = eager ? "eager" : "lazy"
  img.draggable = false
  img.onerror = showMissing
  img.src = item.src
  box.append(img)
  return box
}

const tile = (item, buttons) => {
  const button = make("button", "tile")
  button.type = "button"
  button.tabIndex = -1
  button.setAttribute("aria-label", item.alt)
  button.title = item.alt
  button.dataset.image = `${item.side} ${item.id}`
  if (item.mate) button.classList.add("mate")
  if (item.current) {
    button.classList.add("here")
    button.setAttribute("aria-current", "true")
  }
  const box = picture(item)
  // Words that the label contains already are drawn by the style sheet.
  const words = (className, text) => {
    const node = make("span", className)
    node.dataset.words = text
    return node
  }
  if (item.rank) box.append(words("rank words", item.rank))
  if (item.src) box.append(make("span", "zoom"))
  button.append(box)
  if (item.score || item.mate || item.caption) {
    const under = make("span", "under")
    if (item.score) under.append(words("words", item.score))
    if (item.caption) under.append(words("words", item.caption))
    if (item.mate) under.append(words("words is", "mate"))
    button.append(under)
  }
  button.item = item
  button.pick = { id: item.id, side: item.side, step: item.step ?? null }
  buttons.push(button)
  return button
}

const figure = (item, kind, tag) => {
  const box = make("figure", `figure ${kind}`)
  box.append(make("span", "tag", tag))
  const button = make("button", "enlarge")
  button.type = "button"
  button.setAttribute("aria-label", `${item.alt}. Enlarge it.`)
  button.item = item
  button.append(picture(item, true))
  box.append(button)
  const name = make("figcaption", "name", item.caption || item.id)
  name.title = item.caption || item.id
  box.append(name)
  return box
}

const head = (data, buttons) => {
  const box = make("div", "head")
  const pair = make("div", "pair")
  pair.append(figure(data.query, "query", data.query.tag))
  if (data.mate) {
    const mate = figure(data.mate, "mate", data.mate.tag)
    const button = tile({ ...data.mate, caption: "", mate: true }, buttons)
    button.classList.add("mate")
    button.style.width = "100%"
    button.style.flex = "none"
    button.querySelector(".under")?.remove()
    mate.replaceChild(button, mate.querySelector(".enlarge"))
    mate.dataset.line = ""
    pair.append(mate)
  }
  box.append(pair)
  if (data.lead || data.more) {
    const say = make("div", "say")
    if (data.lead) say.append(make("div", "lead", data.lead))
    if (data.more) say.append(make("div", "more", data.more))
    box.append(say)
  }
  return box
}

const row = (item, buttons, data, root) => {
  const box = make("section", item.mix ? "row mix" : "row")
  box.setAttribute("aria-label", item.title)
  const label = make("div", "label")
  const fold = make("button", "title", item.title)
  fold.type = "button"
  fold.dataset.fold = item.title
  const isFolded = folded.get(root)?.has(item.title) || false
  fold.setAttribute("aria-expanded", String(!isFolded))
  fold.title = "Fold or unfold this row"
  box.classList.toggle("folded", isFolded)
  label.append(fold)
  if (item.sub) {
    const sub = make("div", "sub", item.sub)
    sub.title = item.sub
    label.append(sub)
  }
  if (item.note && item.tiles.length) {
    const note = make("div", "sub note", item.note)
    note.title = item.note
    label.append(note)
  }
  if (item.badge) label.append(make("span", "chip badge", item.badge))
  if (item.chip) {
    const mate = make("div", "where")
    mate.append(make("span", `chip ${item.tone || ""}`, item.chip))
    if (item.why) {
      const why = make("button", "why", "Why?")
      why.type = "button"
      why.title = "Why is the mate not first?"
      why.pick = { id: item.title, side: "why", step: null }
      mate.append(why)
    }
    if (item.place !== null && item.place !== undefined) {
      const scale = make("span", "scale")
      scale.title = "Rank of the mate, from first (left) to last, on a log scale"
      const dot = make("i")
      dot.style.left = `${Math.round(item.place * 1000) / 10}%`
      scale.append(dot)
      mate.append(scale)
    }
    label.append(mate)
  }
  box.append(label)
  const strip = make("div", "strip")
  strip.dataset.line = ""
  for (const hit of item.tiles) strip.append(tile(hit, buttons))
  if (item.loading) {
    box.setAttribute("aria-busy", "true")
    for (let n = 0; n < data.k; n++) strip.append(make("span", "ghost"))
  } else if (!item.tiles.length) strip.append(make("div", "empty", item.note || "No result."))
  box.append(strip)
  return box
}

const trail = (items, buttons) => {
  const box = make("nav", "trail")
  box.setAttribute("aria-label", "Earlier queries")
  box.append(make("span", "word", "Earlier queries"))
  const line = make("div", "trail")
  line.style.padding = "6px"
  line.dataset.line = ""
  items.forEach((item, i) => {
    if (i) line.append(make("span", "step", "›"))
    line.append(tile(item, buttons))
  })
  box.append(line)
  return box
}

const lines = (root) =>
  [...root.querySelectorAll("[data-line]")]
    .map((line) => [...line.querySelectorAll("button.tile")])
    .filter((line) => line.length && line[0].getClientRects().length)

// One tab stop per line; arrows move inside and between lines.
const rove = (root) => {
  for (const line of lines(root)) {
    line.forEach((button, i) => (button.tabIndex = i === 0 ? 0 : -1))
  }
}

const columns = (line) => {
  const top = line[0].getBoundingClientRect().top
  const count = line.findIndex((button) => button.getBoundingClientRect().top > top + 4)
  return count < 0 ? line.length : count
}

const move = (root, event) => {
  const all = lines(root)
  const y = all.findIndex((line) => line.includes(event.target))
  if (y < 0) return
  const line = all[y]
  const x = line.indexOf(event.target)
  const wide = columns(line)
  let to = null
  if (event.key === "ArrowRight") to = line[x + 1]
  else if (event.key === "ArrowLeft") to = line[x - 1]
  else if (event.key === "Home") to = line[0]
  else if (event.key === "End") to = line[line.length - 1]
  else if (event.key === "ArrowDown") {
    to = line[x + wide] || (all[y + 1] && all[y + 1][Math.min(x % wide, all[y + 1].length - 1)])
  } else if (event.key === "ArrowUp") {
    to = line[x - wide] || (all[y - 1] && all[y - 1][Math.min(x, all[y - 1].length - 1)])
  } else return
  event.preventDefault()
  if (!to) return
  for (const button of to.closest("[data-line]").querySelectorAll("button.tile")) button.tabIndex = -1
  to.tabIndex = 0
  to.focus()
}

const shape = (root, img) => {
  if (!img) return
  const set = () => {
    const ratio = img.naturalWidth / img.naturalHeight
    if (ratio) root.style.setProperty("--ratio", String(Math.min(1.6, Math.max(0.7, ratio))))
  }
  if (img.complete) set()
  img.addEventListener("load", set)
}

export default function (component) {
  const { data, parentElement, setTriggerValue } = component
  const root = parentElement.querySelector(".g")
  if (!root || !data) return
  const now = JSON.stringify(data)
  const before = shown.get(root) || {}
  const choose = (button) => {
    const all = lines(root)
    const y = all.findIndex((line) => line.includes(button))
    shown.set(root, { ...shown.get(root), back: [y, all[y]?.indexOf(button) ?? 0] })
    button.classList.add("busy")
    setTriggerValue("picked", button.pick)
  }
  const enlarge = (button) => {
    const line = button.closest("[data-line]")
    const tiles = line ? [...line.querySelectorAll("button.tile")] : [button]
    new Lightbox(root, data.action ? choose : null, data.action).open(tiles, tiles.indexOf(button))
  }
  root.onkeydown = (event) => {
    const button = event.target.closest?.("button.tile")
    if (event.key === " " && button) {
      event.preventDefault()
      enlarge(button)
    } else move(root, event)
  }
  root.onkeyup = (event) => event.key === " " && event.target.item && event.preventDefault()
  watchPresses(root, enlarge)
  root.onclick = (event) => {
    const fold = event.target.closest?.("button[data-fold]")
    if (fold) {
      const titles = folded.get(root) || new Set()
      const open = titles.delete(fold.dataset.fold)
      if (!open) titles.add(fold.dataset.fold)
      folded.set(root, titles)
      fold.setAttribute("aria-expanded", String(open))
      fold.closest(".row").classList.toggle("folded", !open)
      return
    }
    const why = event.target.closest?.("button.why")
    if (why) setTriggerValue("picked", why.pick)
    const button = event.target.closest?.("button.tile, button.enlarge")
    if (!button || root.pressed) {
      root.pressed = false
      return
    }
    const asked = event.target.closest(".zoom") || button.matches(".enlarge") || !data.action
    if (asked) enlarge(button)
    else choose(button)
  }
  if (before.now === now) {
    for (const busy of root.querySelectorAll(".busy")) busy.classList.remove("busy")
    return
  }

  const buttons = []
  const parts = [make("div", "sr")]
  parts[0].setAttribute("role", "status")
  parts[0].textContent = before.now ? data.say || "" : ""
  if (data.trail?.length) parts.push(trail(data.trail, buttons))
  if (data.query) parts.push(head(data, buttons))
  const rows = new Map() // rows that have not changed stay, so that their pictures do not flicker
  for (const item of data.rows || []) {
    const words = JSON.stringify([item, data.k, data.action])
    const old = before.rows?.get(item.title)
    const node = old?.words === words ? old.node : row(item, buttons, data, root)
    if (old?.words === words) buttons.push(...node.querySelectorAll("button.tile"))
    rows.set(item.title, { words, node })
    parts.push(node)
  }
  if (data.tiles) {
    const grid = make("div", "grid")
    grid.dataset.line = ""
    if (data.columns) grid.style.gridTemplateColumns = `repeat(${data.columns}, minmax(0, 1fr))`
    for (const item of data.tiles) grid.append(tile(item, buttons))
    parts.push(grid)
  }
  root.style.setProperty("--k", String(data.k || 10))
  root.replaceChildren(...parts)
  rove(root)
  shape(root, root.querySelector(".figure img") || root.querySelector("img"))

  // An image that several rows contain is highlighted in all of them.
  const same = new Map()
  for (const button of buttons) {
    const key = button.dataset.image
    same.set(key, [...(same.get(key) || []), button])
  }
  for (const [, group] of same) {
    if (group.length < 2) continue
    const highlight = (on) => group.forEach((button) => button.classList.toggle("same", on))
    for (const button of group) {
      button.onmouseenter = button.onfocus = () => highlight(true)
      button.onmouseleave = button.onblur = () => highlight(false)
    }
  }
  if (before.back) {
    const [y, x] = before.back
    const line = lines(root)[y]
    const button = line && line[Math.min(x, line.length - 1)]
    if (button && (document.activeElement === document.body || root.contains(document.activeElement)
      || parentElement.host === document.activeElement)) button.focus({ preventScroll: true })
  }
  shown.set(root, { now, rows })
}
