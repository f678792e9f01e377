/** What the page shows. Knows the elements of `index.html` and nothing of searching. */

import type { BackendInfo } from 'nearfield'

export interface ShownVerse {
  readonly reference: string
  readonly text: string
  readonly distance: number
}

const BACKEND_NAMES: Readonly<Record<BackendInfo['kind'], string>> = {
  native: 'native',
  'wasm-threads': 'WASM threads',
  wasm: 'WASM',
}

export const question = element('question', HTMLInputElement)
export const form = element('form', HTMLFormElement)

export function showExamples(texts: readonly string[], choose: (text: string) => void): void {
  const buttons = texts.map((text) => {
    const button = document.createElement('button')
    button.type = 'button'
    button.textContent = text
    button.addEventListener('click', () => choose(text))
    return button
  })
  element('examples', HTMLElement).append(...buttons)
}

export function showLoading(bytesDone: number, bytesTotal: number): void {
  const megabytes = (bytes: number) => (bytes / 1e6).toFixed(0)
  element('loading-text', HTMLElement).textContent =
    `Loading ${megabytes(bytesDone)} of ${megabytes(bytesTotal)} MB`
  element('loaded', HTMLProgressElement).value = bytesTotal > 0 ? bytesDone / bytesTotal : 0
}

export function showReady(backend: BackendInfo): void {
  element('loading', HTMLElement).hidden = true
  element('badge', HTMLElement).hidden = false
  element('badge-backend', HTMLElement).textContent = `${BACKEND_NAMES[backend.kind]} · ${backend.simd}`
  element('badge-threads', HTMLElement).textContent = String(backend.threads)
  const note = element('one-thread', HTMLElement)
  note.hidden = backend.threads > 1
  note.textContent = `Running on one thread: ${backend.why}.`
}

export function showRecall(recall: number): void {
  element('badge-recall', HTMLElement).textContent = recall.toFixed(3)
}

export function showTime(milliseconds: number): void {
  element('badge-time', HTMLElement).textContent = milliseconds.toFixed(milliseconds < 10 ? 2 : 1)
}

export function showFailure(error: unknown): void {
  const failure = element('failure', HTMLElement)
  failure.hidden = false
  failure.textContent = error instanceof Error ? error.message : String(error)
  element('loading', HTMLElement).hidden = true
}

export function showVerses(asked: string, verses: readonly ShownVerse[]): void {
  const [nearest] = verses
  element('status', HTMLElement).textContent = nearest
    ? `${verses.length} verses for “${asked}”, nearest ${nearest.reference}`
    : ''
  element('verses', HTMLElement).replaceChildren(...verses.map(item))
}

function item({ reference, text, distance }: ShownVerse): HTMLLIElement {
  const nearness = made('span', 'nearness', '')
  nearness.setAttribute('aria-hidden', 'true')
  const percent = Math.round(100 * Math.min(1, Math.max(0, 1 - distance)))
  nearness.style.setProperty('--share', `${percent}%`)
  const distanceLabel = made('span', 'distance', distance.toFixed(3))
  distanceLabel.title = 'distance: 1 − cosine'

  const place = made('div', 'place', '')
  place.append(made('h2', 'reference', reference), nearness, distanceLabel)
  const entry = document.createElement('li')
  entry.append(place, made('p', 'text', text))
  return entry
}

function made<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  className: string,
  text: string,
): HTMLElementTagNameMap[Tag] {
  const node = document.createElement(tag)
  node.className = className
  node.textContent = text
  return node
}

function element<Kind extends HTMLElement>(id: string, kind: abstract new () => Kind): Kind {
  const found = document.getElementById(id)
  if (!(found instanceof kind)) throw new Error(`page: expected an element #${id} of type ${kind.name}`)
  return found
}
