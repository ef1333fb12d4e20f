// Same or different: two images one after the other, each for `exposure` ms with `gap` ms between
// them, or beside each other until the answer. The answer is {number, place, seconds, exposed}:
// place 0 is "same". Time starts when the second image appears.

const KEYS = { s: 0, S: 0, 1: 0, ArrowLeft: 0, d: 1, D: 1, 2: 1, ArrowRight: 1 }

const inTurn = (root, data, state, [first, second]) => (now) => {
  const times = []
  const expose = (box, from, next) => {
    box.classList.add("on")
    atFrame(root, state, from, data.exposure, (end) => {
      box.classList.remove("on")
      times.push(end - from)
      next(end)
    })
  }
  root.classList.remove("fixation")
  expose(first, now, (end) =>
    atFrame(root, state, end, data.gap, (appears) => {
      state.since = appears
      state.exposed = (sent) => Math.max(times[0], times[1] ?? sent - appears)
      ready(root, state)
      expose(second, appears, () => {})
    }),
  )
}

const together = (root, state, boxes) => (now) => {
  for (const box of boxes) box.classList.add("on")
  state.since = now
  ready(root, state)
}

const draw = (root, data, state) => {
  const waits = []
  root.className = `c compare ${data.exposure ? "fixation" : "beside"}`
  const stage = make("div", "stage")
  const boxes = [data.first, data.second].map((src, n) => picture(src, `Image ${n + 1}`, waits))
  stage.append(...boxes)
  const answers = make("div", "choices")
  answers.setAttribute("role", "group")
  answers.setAttribute("aria-label", data.ask)
  answers.style.setProperty("--n", "2")
  data.labels.forEach((label, place) => {
    const button = make("button", "word")
    button.type = "button"
    button.dataset.place = String(place)
    button.setAttribute("aria-disabled", "true")
    button.setAttribute("aria-keyshortcuts", data.keys[place])
    button.append(make("span", "key", data.keys[place]), make("span", "", label))
    answers.append(button)
  })
  const say = make("div", "sr", data.say)
  say.setAttribute("role", "status")
  root.replaceChildren(say, stage, make("h2", "ask", data.ask), answers)
  whenLoaded(root, state, waits, (now) => {
    if (data.exposure) atFrame(root, state, now, FIXATION, inTurn(root, data, state, boxes))
    else together(root, state, boxes)(now)
  })
}

const answer = (root, state, place, send) =>
  submit(root, state, [root.querySelectorAll(".choices button")[place]], { place }, send)

const onclick = (root, state, button, send) => answer(root, state, Number(button.dataset.place), send)

const onkey = (root, state, key, send) => {
  if (!(key in KEYS)) return false
  answer(root, state, KEYS[key], send)
  return true
}

export default (component) => mount(component, draw, onclick, onkey)
