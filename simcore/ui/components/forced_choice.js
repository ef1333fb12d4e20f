// Choosing among images: one of several below a query, one of two beside it, the odd one of three,
// or the first and second of eight around it. The answer is {number, place, second_place, seconds,
// exposed}; time starts when all images are visible.

const KEYS = { ArrowLeft: 0, ArrowRight: 1 } // of two images beside the query

const choiceButton = (root, data, place, waits) => {
  const button = make("button")
  button.type = "button"
  button.setAttribute("aria-label", `Choice ${place + 1}`)
  button.setAttribute("aria-keyshortcuts", String(place + 1))
  button.setAttribute("aria-disabled", "true")
  button.dataset.place = String(place)
  button.append(picture(data.choices[place], "", waits), make("span", "key", String(place + 1)))
  return button
}

const columns = (layout, count) => {
  if (layout === "ring" || layout === "between") return 3
  return count > 5 ? Math.ceil(count / 2) : count
}

// What is chosen so far, where two images are chosen in order.
const mark = (root, state) => {
  for (const button of root.querySelectorAll(".choices button")) {
    const rank = state.picked.indexOf(Number(button.dataset.place))
    button.querySelector(".rank")?.remove()
    button.classList.toggle("picked", rank >= 0)
    button.setAttribute("aria-pressed", String(rank >= 0))
    if (rank >= 0) button.append(make("span", "rank", rank ? "2nd" : "1st"))
  }
  const submitButton = root.querySelector(".submit")
  submitButton.disabled = state.picked.length < 2
}

const pick = (root, state, place, send) => {
  const buttons = root.querySelectorAll(".choices button")
  if (!buttons[place]) return
  if (state.picks === 1) return submit(root, state, [buttons[place]], { place }, send)
  const at = state.picked.indexOf(place)
  if (at >= 0) state.picked.splice(at, 1)
  else state.picked = [...state.picked.slice(0, 1), place]
  mark(root, state)
}

const submitPicked = (root, state, send) => {
  if (state.picked.length < 2) return
  const [place, second_place] = state.picked
  submit(root, state, [], { place, second_place }, send)
}

const show = (root, data, state) => (now) => {
  root.classList.remove("veiled")
  state.since = now
  ready(root, state)
  if (!data.exposure) return
  let hidden = null
  state.exposed = (sent) => (hidden ?? sent) - now
  atFrame(root, state, now, data.exposure, (end) => {
    if (state.busy) return
    hidden = end
    root.classList.add("veiled")
  })
}

const draw = (root, data, state) => {
  const waits = []
  const layout = data.layout || "below"
  const count = data.choices.length
  state.picks = data.picks || 1
  state.picked = []
  const choices = make("div", "choices")
  choices.setAttribute("role", "group")
  choices.setAttribute("aria-label", data.ask)
  choices.style.setProperty("--n", String(columns(layout, count)))
  choices.style.setProperty("--narrow", count === 4 ? "2" : "3")
  root.className = `c ${layout}${layout === "below" && count > 5 ? " two" : ""}${data.exposure ? " veiled" : ""}`
  data.choices.forEach((_, place) => choices.append(choiceButton(root, data, place, waits)))
  const ask = make("h2", "ask", data.ask)
  const say = make("div", "sr", data.say)
  say.setAttribute("role", "status")
  const parts = [say, ask, choices]
  if (data.query) {
    const query = make("figure", "query")
    query.append(picture(data.query, "The query image", waits))
    if (layout === "below") parts.splice(1, 0, query)
    else choices.insertBefore(query, choices.children[Math.ceil(count / 2)])
  }
  if (state.picks > 1) {
    const button = make("button", "submit", "Submit (Enter)")
    button.type = "button"
    button.disabled = true
    parts.push(button)
  }
  root.replaceChildren(...parts)
  const start = show(root, data, state)
  whenLoaded(root, state, waits, (now) => (data.exposure ? atFrame(root, state, now, FIXATION, start) : start(now)))
}

const onclick = (root, state, button, send) => {
  if (button.classList.contains("submit")) submitPicked(root, state, send)
  else pick(root, state, Number(button.dataset.place), send)
}

const onkey = (root, state, key, send) => {
  if (key === "Enter" && state.picked.length === 2) submitPicked(root, state, send)
  else if (key === "Backspace" && state.picked.length) {
    state.picked.pop()
    mark(root, state)
  } else if (/^[1-9]$/.test(key)) pick(root, state, Number(key) - 1, send)
  else if (key in KEYS && root.classList.contains("between")) pick(root, state, KEYS[key], send)
  else return false
  return true
}

export default (component) => mount(component, draw, onclick, onkey)
