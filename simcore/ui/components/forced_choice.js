// One forced choice: a query and the images to choose from. Python sends `data`; a choice sets the
// trigger "chosen" {number, place, seconds}. Time starts when all images are loaded.

const states = new WeakMap() // root -> {number, since, busy, sent}
const RETRY = 4000 // ms until another choice is accepted, in case the server was restarted

const picture = (src, alt, waits) => {
  const box = make("span", "pic")
  const img = make("img")
  img.alt = alt
  img.draggable = false
  waits.push(
    new Promise((done) => {
      img.onload = () => done(true)
      img.onerror = () => {
        box.replaceChildren(make("span", "gone", "This image could not be loaded. Reload the page."))
        done(false)
      }
    }),
  )
  img.src = src
  box.append(img)
  return box
}

const typing = (event) => {
  const target = event.composedPath()[0]
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName))
}

const ready = (root, state) => {
  state.busy = false
  root.classList.remove("busy")
  root.querySelector(".choices").removeAttribute("aria-busy")
  for (const button of root.querySelectorAll("button")) {
    button.classList.remove("taken")
    button.removeAttribute("aria-disabled")
  }
}

const choose = (root, place, send) => {
  const state = states.get(root)
  const buttons = root.querySelectorAll("button")
  if (!state || state.busy || state.since === null || !buttons[place]) return
  state.busy = true
  state.sent = performance.now()
  root.classList.add("busy")
  root.querySelector(".choices").setAttribute("aria-busy", "true")
  for (const button of buttons) button.setAttribute("aria-disabled", "true")
  buttons[place].classList.add("taken")
  send({ number: state.number, place, seconds: (state.sent - state.since) / 1000 })
  setTimeout(() => states.get(root) === state && state.busy && ready(root, state), RETRY)
}

const draw = (root, data, state) => {
  const waits = []
  const top = make("figure", "query")
  top.append(picture(data.query, "The query image", waits))
  const ask = make("h2", "ask", data.ask)
  const choices = make("div", "choices")
  choices.setAttribute("role", "group")
  choices.setAttribute("aria-label", data.ask)
  const count = data.choices.length
  choices.style.setProperty("--n", String(count > 5 ? Math.ceil(count / 2) : count))
  choices.style.setProperty("--narrow", count === 4 ? "2" : "3")
  root.classList.toggle("two", count > 5)
  data.choices.forEach((src, place) => {
    const button = make("button")
    button.type = "button"
    button.setAttribute("aria-label", `Choice ${place + 1}`)
    button.setAttribute("aria-keyshortcuts", String(place + 1))
    button.setAttribute("aria-disabled", "true")
    button.dataset.place = String(place)
    button.append(picture(src, "", waits), make("span", "key", String(place + 1)))
    choices.append(button)
  })
  const say = make("div", "sr", data.say)
  say.setAttribute("role", "status")
  root.replaceChildren(say, top, ask, choices)
  Promise.all(waits).then((all) => {
    if (states.get(root) !== state || !all.every(Boolean)) return
    requestAnimationFrame(() => {
      state.since = performance.now()
      ready(root, state)
    })
  })
}

export default function (component) {
  const { data, parentElement, setTriggerValue } = component
  const root = parentElement.querySelector(".c")
  if (!root || !data) return
  const send = (value) => setTriggerValue("chosen", value)
  root.onclick = (event) => {
    const button = event.target.closest?.("button")
    if (button) choose(root, Number(button.dataset.place), send)
  }
  const onkey = (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.repeat || typing(event)) return
    if (!/^[1-9]$/.test(event.key)) return
    event.preventDefault()
    choose(root, Number(event.key) - 1, send)
  }
  document.addEventListener("keydown", onkey)
  const before = states.get(root)
  if (!before || before.number !== data.number) {
    const state = { number: data.number, since: null, busy: false, sent: 0 }
    states.set(root, state)
    draw(root, data, state)
  }
  return () => document.removeEventListener("keydown", onkey)
}
