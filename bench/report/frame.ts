/**
 * The sheet around a plot: title, subtitle with machine, date and command, a key, panels, notes; and the
 * document in which plots are drawn without a browser.
 *
 * Invariants: a sheet is one self-contained SVG of WIDTH units, well-formed XML, nothing under 12 px; text
 * is wrapped by a guess of its width that errs on the wide side.
 */
import { parseHTML } from 'linkedom'
import { escaped } from './format.ts'
import { FONT, type Theme } from './theme.ts'

export const WIDTH = 830
export const TEXT = 12
const EDGE = 16
const TITLE = 18
const LINE = 17

/** Where Plot makes its elements. */
export const plotDocument = parseHTML('<!doctype html><html><body></body></html>')
  .document as unknown as Document

/** A plot, or several beside each other. */
export interface Panel {
  readonly svg: Element
  readonly width: number
  readonly height: number
}

export interface Sheet {
  readonly title: string
  readonly subtitle: readonly string[]
  /** Colourless: what a strong and a weak bar mean. */
  readonly key?: readonly { readonly label: string; readonly opacity: number }[]
  readonly panels: readonly Panel[]
  readonly notes: readonly string[]
}

/** Width of a text of this font size; letters of most sans-serif fonts are narrower, bold ones too. */
export const widthOf = (text: string, size = TEXT): number => text.length * size * 0.6

/** Lines no wider than `width`, broken at spaces. */
export function wrapped(text: string, width: number, size = TEXT): string[] {
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const last = lines.at(-1)
    if (last !== undefined && widthOf(`${last} ${word}`, size) <= width)
      lines[lines.length - 1] = `${last} ${word}`
    else lines.push(word)
  }
  return lines
}

/** The sheet as the text of an SVG file. */
export function sheet({ title, subtitle, key, panels, notes }: Sheet, theme: Theme): string {
  const parts: string[] = []
  let y = EDGE
  const write = (text: string, size: number, colour: string, weight = 400) => {
    y += size
    parts.push(
      `<text x="${EDGE}" y="${y}" font-size="${size}" font-weight="${weight}" fill="${colour}">${escaped(text)}</text>`,
    )
  }
  const writeAll = (texts: readonly string[]) => {
    for (const text of texts)
      for (const line of wrapped(text, WIDTH - 2 * EDGE)) {
        y += LINE - TEXT
        write(line, TEXT, theme.muted)
      }
  }
  write(title, TITLE, theme.text, 650)
  y += 2
  writeAll(subtitle)
  if (key) {
    y += 10
    parts.push(...keyLine(key, y, theme))
    y += LINE
  }
  y += 12
  let x = 0
  for (const { svg, width } of panels) {
    svg.setAttribute('x', String(x))
    svg.setAttribute('y', String(y))
    // Some viewers heed Plot's own 10 rather than the style beside it.
    svg.setAttribute('font-size', String(TEXT))
    x += width
    parts.push(svg.outerHTML)
  }
  y += Math.max(...panels.map(({ height }) => height))
  writeAll(notes)
  const height = y + EDGE
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}"`,
    ` font-family="${FONT}" role="img" aria-label="${escaped(title)}">`,
    `<rect width="100%" height="100%" fill="${theme.background}"/>`,
    ...parts,
    '</svg>\n',
  ].join('')
}

function keyLine(key: NonNullable<Sheet['key']>, y: number, theme: Theme): string[] {
  let x = EDGE
  return key.map(({ label, opacity }) => {
    const box = `<rect x="${x}" y="${y}" width="20" height="12" fill="${theme.text}" fill-opacity="${opacity}"/>`
    const text = `<text x="${x + 26}" y="${y + 11}" font-size="${TEXT}" fill="${theme.text}">${escaped(label)}</text>`
    x += 26 + widthOf(label) + 24
    return box + text
  })
}
