// A picture with a frame: drag to draw another, arrow keys move it, with Shift they resize it. The
// part that Python has `marked` has an outline. Python sends shares of the picture; the frame
// returns as the trigger "cropped" in whole percent.

const shown = new WeakMap() // root -> its data, so that nothing is drawn twice
const LEAST = 20 // percent that a crop keeps
const STEP = 5 // percent of an arrow key

const bound = (value, low, high) => Math.min(high, Math.max(low, value))

const draw = (frame, [top, left, bottom, right]) => {
  frame.style.inset = `${top}% ${100 - right}% ${100 - bottom}% ${left}%`
}

export default function (component) {
  const { data, parentElement, setTriggerValue } = component
  const root = parentElement.querySelector(".x")
  if (!root || !data) return
  const now = JSON.stringify(data)
  if (shown.get(root) === now) return
  shown.set(root, now)
  const box = make("div", "box")
  const image = make("img")
  image.src = data.src
  image.alt = data.alt
  image.draggable = false
  const frame = make("div", "frame")
  frame.tabIndex = 0
  frame.setAttribute("role", "group")
  frame.setAttribute("aria-label", `Crop of ${data.alt}. Arrow keys move it, with Shift they resize it.`)
  box.append(image, frame)
  if (data.marked) {
    const marked = make("div", "marked")
    draw(marked, data.marked.map((share) => 100 * share))
    box.append(marked)
  }
  root.replaceChildren(box)
  let crop = data.crop.map((share) => Math.round(100 * share))
  draw(frame, crop)
  let timer = 0
  const send = (wait) => {
    clearTimeout(timer)
    timer = setTimeout(() => setTriggerValue("cropped", crop), wait)
  }

  const place = (event) => {
    const area = box.getBoundingClientRect()
    return [
      bound(Math.round((100 * (event.clientY - area.top)) / area.height), 0, 100),
      bound(Math.round((100 * (event.clientX - area.left)) / area.width), 0, 100),
    ]
  }
  let start = null
  box.onpointerdown = (event) => {
    start = place(event)
    box.setPointerCapture(event.pointerId)
    event.preventDefault()
  }
  box.onpointermove = (event) => {
    if (!start) return
    const end = place(event)
    const [top, bottom] = [start[0], end[0]].sort((a, b) => a - b)
    const [left, right] = [start[1], end[1]].sort((a, b) => a - b)
    crop = [top, left, bottom, right]
    draw(frame, crop)
  }
  box.onpointerup = () => {
    if (!start) return
    start = null
    let [top, left, bottom, right] = crop
    if (bottom - top < LEAST) [top, bottom] = [bound(top, 0, 100 - LEAST), bound(top, 0, 100 - LEAST) + LEAST]
    if (right - left < LEAST) [left, right] = [bound(left, 0, 100 - LEAST), bound(left, 0, 100 - LEAST) + LEAST]
    crop = [top, left, bottom, right]
    draw(frame, crop)
    send(0)
  }
  frame.onkeydown = (event) => {
    const moves = { ArrowUp: [-STEP, 0], ArrowDown: [STEP, 0], ArrowLeft: [0, -STEP], ArrowRight: [0, STEP] }
    const move = moves[event.key]
    if (!move) return
    event.preventDefault()
    event.stopPropagation()
    const [down, across] = move
    let [top, left, bottom, right] = crop
    if (event.shiftKey) {
      bottom = bound(bottom + down, top + LEAST, 100)
      right = bound(right + across, left + LEAST, 100)
    } else {
      const [y, x] = [bound(down, -top, 100 - bottom), bound(across, -left, 100 - right)]
      ;[top, left, bottom, right] = [top + y, left + x, bottom + y, right + x]
    }
    crop = [top, left, bottom, right]
    draw(frame, crop)
    send(400)
  }
}
