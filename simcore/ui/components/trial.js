// What all tasks for participants share: images that are loaded and decoded before they are shown,
// those of the next question loaded ahead, times measured by the browser's frames, one answer at a
// time. Python sends `data`; an answer sets the trigger "chosen".

const states = new WeakMap() // root -> what is known about the question on the screen
const RETRY = 4000 // ms until another answer is accepted, in case the server was restarted
const FIXATION = 500 // ms of a cross before images that are shown for a limited time
const EARLY = 4 // ms; a frame this close to the wanted time counts as the right one
const listeners = new WeakMap() // root -> its listener; a redraw mounts again without unmounting
let ahead = [] // images of the next question: the browser keeps what is referred to

const picture = (src, alt, waits) => {
  const box = make("span", "pic")
  const img = make("img")
  img.alt = alt
  img.draggable = false
  waits.push(
    new Promise((done) => {
      img.onload = () => img.decode().then(() => done(true), () => done(true))
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

const loadAhead = (sources) => {
  ahead = (sources || []).filter(Boolean).map((src) => {
    const img = new Image()
    img.src = src
    return img
  })
}

const typing = (event) => {
  const target = event.composedPath()[0]
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName))
}

const isCurrent = (root, state) => states.get(root) === state

// Call `next` with the time of the first frame that is at least `wait` ms after `from`.
const atFrame = (root, state, from, wait, next) => {
  const frame = (now) => {
    if (!isCurrent(root, state)) return
    if (now - from < wait - EARLY) requestAnimationFrame(frame)
    else next(now)
  }
  requestAnimationFrame(frame)
}

const whenLoaded = (root, state, waits, next) => {
  Promise.all(waits).then((all) => {
    if (isCurrent(root, state) && all.every(Boolean)) requestAnimationFrame(next)
  })
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

// Send an answer and refuse others until the next question is drawn, or until it seems lost.
const submit = (root, state, taken, answer, send) => {
  state.busy = true
  const sent = performance.now()
  root.classList.add("busy")
  root.querySelector(".choices").setAttribute("aria-busy", "true")
  for (const button of root.querySelectorAll("button")) button.setAttribute("aria-disabled", "true")
  for (const button of taken) button.classList.add("taken")
  const seconds = Math.max(0, (sent - state.since) / 1000)
  send({ number: state.number, seconds, exposed: state.exposed(sent), ...answer })
  setTimeout(() => isCurrent(root, state) && state.busy && state.retry(), RETRY)
}

const mount = (component, draw, onclick, onkey) => {
  const { data, parentElement, setTriggerValue } = component
  const root = parentElement.querySelector(".c")
  if (!root || !data) return
  const send = (value) => setTriggerValue("chosen", value)
  root.onclick = (event) => {
    const button = event.target.closest?.("button")
    const state = states.get(root)
    if (button && state && !state.busy && state.since !== null) onclick(root, state, button, send)
  }
  const listen = (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.repeat || typing(event)) return
    const state = states.get(root)
    if (state && !state.busy && state.since !== null && onkey(root, state, event.key, send)) event.preventDefault()
  }
  document.removeEventListener("keydown", listeners.get(root))
  document.addEventListener("keydown", listen)
  listeners.set(root, listen)
  const before = states.get(root)
  if (!before || before.number !== data.number) {
    const state = { number: data.number, since: null, busy: false, exposed: () => 0, retry: () => ready(root, state) }
    states.set(root, state)
    draw(root, data, state)
    loadAhead(data.upcoming)
  }
  return () => document.removeEventListener("keydown", listen)
}
