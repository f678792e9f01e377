/**
 * Where text goes: colours and width of a stream, and a progress bar that only a terminal sees.
 *
 * Invariants: a stream that is no terminal gets neither an escape code nor a carriage return;
 * nothing measures its text after colouring it.
 */

import { styleText } from 'node:util'

type Style = Parameters<typeof styleText>[0]

/** The part of a tty stream that is used, so that a test can hand in its own. */
export interface Output {
  readonly isTTY?: boolean | undefined
  readonly columns?: number | undefined
  write(text: string): unknown
}

export interface Terminal {
  readonly interactive: boolean
  /** Columns to fill: the terminal's, between 40 and 100 so that lines stay readable. */
  readonly width: number
  paint(style: Style, text: string): string
  line(text?: string): void
  /** Replaces the last status; '' takes it away. Does nothing when piped. */
  status(text: string): void
}

export function makeTerminal(output: Output, environment: NodeJS.ProcessEnv = process.env): Terminal {
  const interactive = output.isTTY === true
  const coloured = interactive && !environment['NO_COLOR'] && environment['TERM'] !== 'dumb'
  const width = Math.min(100, Math.max(40, output.columns ?? 100))
  let statusShown = false

  function status(text: string): void {
    if (!interactive || (text === '' && !statusShown)) return
    output.write(`\r\u001b[2K${text}`)
    statusShown = text !== ''
  }

  return {
    interactive,
    width,
    paint: (style, text) => (coloured ? styleText(style, text, { validateStream: false }) : text),
    line(text = '') {
      status('')
      output.write(`${text}\n`)
    },
    status,
  }
}

/** Breaks text at spaces into lines of at most `width` characters; a longer word stands alone. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(/\s+/).filter((part) => part !== '')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line)
      line = ''
    }
    line = line === '' ? word : `${line} ${word}`
  }
  return line === '' ? lines : [...lines, line]
}

export interface Progress {
  readonly phase: string
  readonly done: number
  readonly total: number
}

const BAR_CELLS = 24
const EIGHTHS = ' ▏▎▍▌▋▊▉█'

/** `███████▌      link   18,432 / 31,102   6,120 rows/s   2 s left` */
export function progressText(terminal: Terminal, progress: Progress, seconds: number): string {
  const share = progress.total > 0 ? Math.min(1, progress.done / progress.total) : 0
  const rate = seconds > 0 ? progress.done / seconds : 0
  const left = rate > 0 ? Math.ceil((progress.total - progress.done) / rate) : undefined
  const parts = [
    progress.phase.padEnd(7),
    `${count(progress.done).padStart(count(progress.total).length)} / ${count(progress.total)}`,
    `${count(Math.round(rate))} rows/s`,
    left === undefined ? '' : `${left} s left`,
  ].filter((part) => part !== '')
  const cells = Math.max(8, Math.min(BAR_CELLS, terminal.width - 54))
  return `${terminal.paint('cyan', bar(share, cells))}  ${parts.join('  ')}`.trimEnd()
}

export function bar(share: number, cells: number): string {
  const eighths = Math.round(share * cells * 8)
  const full = Math.floor(eighths / 8)
  const rest = EIGHTHS[eighths % 8] as string
  return ('█'.repeat(full) + (full < cells ? rest : '')).padEnd(cells, ' ')
}

/** 31,102 in every locale: what is printed does not depend on the machine. */
export function count(value: number): string {
  return value.toLocaleString('en-US')
}
