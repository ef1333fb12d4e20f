// A slider between maps of the same images: positions and colors are interpolated here, frame by
// frame, without asking the server.

const HOP = 1400 // ms from one map to the next
const PLAY = 8000 // ms at most for all of them
const SETTLE = 160 // ms after the last move of the slider until the map counts as resting
const QUIET_ALPHA = 0.5 // of the group in the background, so that the others shine through

const ease = (share) => (share < 0.5 ? 4 * share ** 3 : 1 - (2 - 2 * share) ** 3 / 2)
const hex = (values) => `#${values.map((value) => Math.round(value).toString(16).padStart(2, "0")).join("")}`
const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches

class Morph {
  constructor(all) {
    this.all = all
    this.box = make("div", "morph")
    this.play = make("button", "play")
    this.play.type = "button"
    this.play.onclick = () => (this.playing ? this.pause() : this.playFrom(this.at === this.last ? 0 : this.at))
    this.range = make("input")
    this.range.type = "range"
    this.range.step = 0.01
    this.range.min = 0
    this.range.setAttribute("aria-label", "Morph between the maps")
    this.range.oninput = () => this.drag(Number(this.range.value))
    this.range.onkeydown = (event) => this.key(event)
    this.names = make("div", "stops")
    this.names.setAttribute("role", "group")
    this.names.setAttribute("aria-label", "Maps to morph between")
    this.box.append(this.play, this.range, this.names)
    this.map = {}
  }

  get last() {
    return this.stops.length - 1
  }

  get nearest() {
    return Math.round(this.at)
  }

  // New data: the same maps keep their place; other maps open at a stop (`at`), or play once from
  // the first to the last (null).
  show(stops, at) {
    const made = stops.map((stop) => stop.made).join()
    const fresh = made !== this.map.made
    this.stops = stops
    for (const stop of stops) {
      stop.xs = Float32Array.from(stop.x)
      stop.ys = Float32Array.from(stop.y)
      stop.bounds = bounds([stop])
    }
    const count = stops[0].x.length
    this.map = { made, x: new Float32Array(count), y: new Float32Array(count), shade: new Int32Array(count) }
    this.segment = this.named = -1
    if (!fresh) {
      this.apply(this.at)
      return
    }
    this.range.max = this.last
    this.box.style.setProperty("--stops", stops.length)
    this.names.replaceChildren(...stops.map((stop, number) => this.nameButton(stop, number)))
    this.playing = false
    this.apply(at ?? this.last)
    this.reported = this.nearest
    this.setPlaying(false)
    if (at === null && !calm()) this.playFrom(0)
  }

  nameButton(stop, number) {
    const button = make("button", "stop")
    button.type = "button"
    button.append(make("span", "", stop.title), make("small", "", stop.note))
    button.title = stop.sub
    button.onclick = () => (calm() ? this.drag(number) : this.goTo(number))
    return button
  }

  // -- motion --

  playFrom(start) {
    this.apply(start)
    this.goTo(this.last, Math.min(HOP, PLAY / Math.max(this.last, 1)))
  }

  // Hop by hop, each slow at its beginning and end, so that one sees every map on the way.
  goTo(target, hop = HOP) {
    this.target = target
    this.hop = hop
    this.began = 0
    this.setPlaying(true)
    cancelAnimationFrame(this.frame)
    this.frame = requestAnimationFrame((now) => this.step(now))
  }

  step(now) {
    if (!this.playing || !this.box.isConnected) return
    if (!this.began) {
      this.began = now
      this.from = this.at
      const next = this.target > this.from ? Math.floor(this.from) + 1 : Math.ceil(this.from) - 1
      this.to = this.target > this.from ? Math.min(next, this.target) : Math.max(next, this.target)
    }
    const duration = Math.max(this.hop * Math.abs(this.to - this.from), 1)
    const share = clamp((now - this.began) / duration, 0, 1)
    this.apply(share === 1 ? this.to : this.from + (this.to - this.from) * ease(share))
    this.all.paint()
    if (share === 1) {
      this.began = 0
      if (this.at === this.target) {
        this.rest()
        return
      }
    }
    this.frame = requestAnimationFrame((next) => this.step(next))
  }

  pause() {
    this.rest()
  }

  drag(at) {
    this.setPlaying(false)
    this.all.moving = true
    this.apply(at)
    this.all.later()
    clearTimeout(this.settling)
    this.settling = setTimeout(() => this.rest(), SETTLE)
  }

  rest() {
    this.setPlaying(false)
    this.all.later()
    const stop = this.stops[this.nearest]
    this.all.status.textContent = `${stop.title}: ${stop.sub}`
    if (this.reported !== this.nearest) {
      this.reported = this.nearest
      this.all.send("stop", this.nearest)
    }
  }

  setPlaying(playing) {
    clearTimeout(this.settling)
    this.playing = this.all.moving = playing
    const word = playing ? "Pause" : "Play"
    if (this.play.textContent !== word) this.play.textContent = word
  }

  key(event) {
    const steps = { ArrowRight: 0.1, ArrowUp: 0.1, ArrowLeft: -0.1, ArrowDown: -0.1 }
    const stops = { PageUp: Math.floor(this.at) + 1, PageDown: Math.ceil(this.at) - 1, Home: 0, End: this.last }
    let to = null
    if (event.key in steps) to = Math.round((this.at + steps[event.key]) * 10) / 10
    else if (event.key in stops) to = stops[event.key]
    if (to === null) return
    event.preventDefault()
    this.drag(clamp(to, 0, this.last))
  }

  // -- interpolation --

  apply(at) {
    this.at = at
    const first = Math.min(Math.floor(at), this.last - 1)
    const share = at - first
    const from = this.stops[first]
    const to = this.stops[first + 1]
    const near = share < 0.5 ? from : to
    const { map } = this
    this.move(from, to, near, share)
    this.shade(first, from, to)
    for (const entry of map.shades) {
      entry.color = hex(entry.ends[0].map((value, k) => value + (entry.ends[1][k] - value) * share))
      entry.alpha = entry.alphas[0] + (entry.alphas[1] - entry.alphas[0]) * share
    }
    Object.assign(map, { color: near.color, rank: near.rank, legend: near.legend, words: near.words, title: near.title, sub: near.sub, say: near.say })
    map.strength = Math.max(0, 1 - 5 * Math.min(share, 1 - share))
    // A map that nobody has panned or zoomed fills the canvas all the way.
    map.bounds = from.bounds.map((value, k) => value + (to.bounds[k] - value) * share)
    const panel = this.all.panels[0]
    if (panel?.map === map && panel.fitted) panel.frame()
    this.range.value = at
    if (this.named === this.nearest) return
    this.named = this.nearest
    this.range.setAttribute("aria-valuetext", near.title)
    ;[...this.names.children].forEach((button, number) => button.setAttribute("aria-pressed", String(number === this.named)))
    const name = this.names.children[this.named]
    this.names.scrollLeft = name.offsetLeft - this.names.offsetLeft - (this.names.clientWidth - name.clientWidth) / 2
    if (panel?.map === map) panel.relabel(map)
  }

  // A point that one of the maps does not place stays where the other one has it, and is shown
  // only near that one.
  move(from, to, near, share) {
    const { x, y } = this.map
    for (let i = 0; i < x.length; i++) {
      if (near.xs[i] < 0) {
        x[i] = y[i] = -1
        continue
      }
      const a = from.xs[i] < 0 ? to : from
      const b = to.xs[i] < 0 ? from : to
      x[i] = a.xs[i] + (b.xs[i] - a.xs[i]) * share
      y[i] = a.ys[i] + (b.ys[i] - a.ys[i]) * share
    }
  }

  // The groups of points between two maps: pairs of the groups on either map. Those in the
  // background are drawn first, then large groups before small ones.
  shade(segment, from, to) {
    if (segment === this.segment) return
    this.segment = segment
    const { shade } = this.map
    const width = to.legend.length
    const counts = new Map()
    for (let i = 0; i < shade.length; i++) {
      shade[i] = from.color[i] * width + to.color[i]
      counts.set(shade[i], (counts.get(shade[i]) || 0) + 1)
    }
    const alpha = (entry) => (entry.quiet ? QUIET_ALPHA : 1)
    this.map.shades = [...counts].map(([group, count]) => {
      const ends = [from.legend[Math.floor(group / width)], to.legend[group % width]]
      return { group, count, ends: ends.map((entry) => channels(entry.color)), alphas: ends.map(alpha) }
    })
    const quiet = ({ alphas }) => alphas[0] + alphas[1]
    this.map.shades.sort((a, b) => quiet(a) - quiet(b) || b.count - a.count)
  }
}
