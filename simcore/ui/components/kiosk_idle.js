// Workshop mode: after a while without input, the app starts over for the next visitor.

const WARNING = 10_000 // ms of notice before
const KINDS = ["pointerdown", "pointermove", "keydown", "wheel", "touchstart"]

let last = Date.now()
let used = false // without any input there is nothing to reset

export default function (component) {
  const { data, parentElement } = component
  const note = parentElement.querySelector(".idle")
  if (!note || !data) return
  const touched = (event) => {
    last = Date.now()
    if (event.type !== "pointermove") used = true
  }
  for (const kind of KINDS) window.addEventListener(kind, touched, { capture: true, passive: true })
  const timer = setInterval(() => {
    const left = data.seconds * 1000 - (Date.now() - last)
    const away = used || location.pathname + location.search !== data.to
    note.hidden = !away || left > WARNING
    if (away && left <= 0) {
      clearInterval(timer)
      location.assign(data.to)
    } else if (!note.hidden) {
      note.textContent = `Are you still there? Starting over in ${Math.ceil(left / 1000)} s. Touch anything to continue.`
    }
  }, 500)
  return () => {
    clearInterval(timer)
    for (const kind of KINDS) window.removeEventListener(kind, touched, { capture: true })
  }
}
