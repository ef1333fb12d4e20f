// A larger view of one picture, with keys and buttons to step to its neighbors in the same line.

const PRESS_MS = 500 // a press this long on a touch screen enlarges
const SLIP_PX = 10 // a finger that moves further scrolls

// The server has two sizes of each picture; a picture inside the page has one.
const larger = (source) => (source || "").replace("/thumb/", "/picture/")

class Lightbox {
  // pick(tile) is called with a tile that was chosen in the larger view; null where none can be.
  constructor(root, pick, action) {
    this.root = root
    this.pick = pick
    this.action = action
  }

  open(tiles, at) {
    this.tiles = tiles
    this.dialog = make("dialog", "light")
    this.image = make("img")
    this.words = make("p", "words")
    this.words.setAttribute("role", "status")
    const bar = make("div", "bar")
    this.before = this.button("‹", "Previous picture", () => this.step(-1))
    this.after = this.button("›", "Next picture", () => this.step(1))
    const close = this.button("×", "Close", () => this.dialog.close())
    bar.append(this.before, this.after)
    if (this.pick) {
      const choose = this.button(this.action, this.action, () => this.choose())
      choose.classList.add("wide")
      bar.append(choose)
      this.choice = choose
    }
    bar.append(close)
    this.dialog.append(this.image, this.words, bar)
    this.dialog.setAttribute("aria-label", "Larger view")
    this.dialog.onkeydown = (event) => this.key(event)
    this.dialog.onclick = (event) => event.target === this.dialog && this.dialog.close()
    this.dialog.onclose = () => {
      this.dialog.remove()
      this.tiles[this.at].focus()
    }
    this.root.append(this.dialog)
    this.show(at)
    this.dialog.showModal()
  }

  button(text, label, act) {
    const button = make("button", "", text)
    button.type = "button"
    button.setAttribute("aria-label", label)
    button.onclick = act
    return button
  }

  show(at) {
    this.at = at
    const { item } = this.tiles[at]
    this.image.src = larger(item.src)
    this.image.alt = item.alt || item.id
    const count = this.tiles.length > 1 ? `${at + 1} of ${this.tiles.length}. ` : ""
    this.words.textContent = count + (item.large || item.caption || item.id)
    this.before.disabled = at === 0
    this.after.disabled = at === this.tiles.length - 1
    if (this.choice) this.choice.hidden = !this.tiles[at].pick
  }

  step(by) {
    const at = this.at + by
    if (at >= 0 && at < this.tiles.length) this.show(at)
  }

  choose() {
    const tile = this.tiles[this.at]
    this.dialog.close()
    this.pick(tile)
  }

  key(event) {
    event.stopPropagation() // the page has shortcuts of its own
    if (event.key === "ArrowRight" || event.key === "ArrowDown") this.step(1)
    else if (event.key === "ArrowLeft" || event.key === "ArrowUp") this.step(-1)
    else if (event.key === " " && event.target === this.dialog) this.dialog.close()
    else return
    event.preventDefault()
  }
}

// Calls open(tile) after a long press, and lets no click follow it.
const watchPresses = (root, open) => {
  let timer = 0
  let start = null
  const cancel = () => clearTimeout(timer)
  root.onpointerdown = (event) => {
    const tile = event.target.closest?.("button.tile, button.enlarge")
    if (!tile || event.pointerType === "mouse") return
    start = [event.clientX, event.clientY]
    cancel()
    timer = setTimeout(() => {
      root.pressed = true
      open(tile)
    }, PRESS_MS)
  }
  root.onpointermove = (event) => {
    if (start && Math.hypot(event.clientX - start[0], event.clientY - start[1]) > SLIP_PX) cancel()
  }
  root.onpointerup = root.onpointercancel = cancel
  root.oncontextmenu = (event) => {
    if (event.pointerType === "touch") event.preventDefault()
  }
}
