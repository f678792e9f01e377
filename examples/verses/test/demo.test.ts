/** The demo's surroundings: arguments, tables, wrapping, the bar, and silence when piped. */

import { describe, expect, it } from 'vitest'
import { parseArguments, UsageError } from '../demo/arguments.ts'
import { renderTable } from '../demo/table.ts'
import { bar, makeTerminal, progressText, wrap } from '../demo/terminal.ts'

describe('arguments', () => {
  it('have defaults', () => {
    expect(parseArguments([])).toEqual({
      questions: [],
      kinds: ['hnsw', 'flat'],
      threads: 0,
      backend: 'auto',
      json: false,
      help: false,
    })
  })

  it('unquoted words make one question, quoted ones stand alone', () => {
    expect(parseArguments(['love', 'your', 'enemies']).questions).toEqual(['love your enemies'])
    expect(parseArguments(['love your enemies', 'manna']).questions).toEqual(['love your enemies', 'manna'])
    expect(parseArguments(['  ', '--json', '--', '--odd']).questions).toEqual(['--odd'])
  })

  it('all options at once', () => {
    const options = parseArguments(['--kind', 'flat', '--threads=2', '--backend', 'wasm', '--json', 'sea'])
    expect(options).toMatchObject({ kinds: ['flat'], threads: 2, backend: 'wasm', json: true })
  })

  it.each([
    [['--nope'], '--nope'],
    [['--kind', 'zones'], 'expected one of hnsw, flat, received "zones"'],
    [['--backend', 'gpu'], 'received "gpu"'],
    [['--threads', '0'], 'from 1 to 256, received "0"'],
    [['--threads', '1e2'], 'received "1e2"'],
    [['--threads'], '--threads'],
  ])('%j is refused, naming what is wrong', (argv, message) => {
    expect(() => parseArguments(argv)).toThrow(UsageError)
    expect(() => parseArguments(argv)).toThrow(message)
  })
})

describe('table', () => {
  const columns = [
    { title: 'kind', align: 'left' },
    { title: 'QPS', align: 'right' },
  ] as const

  it('aligns words left and numbers right', () => {
    const rows = [
      ['hnsw', '12,345'],
      ['flat', '7'],
    ]
    expect(renderTable(columns, rows, 80)).toEqual([
      'kind     QPS',
      '────────────',
      'hnsw  12,345',
      'flat       7',
    ])
  })

  it('turns into blocks where it does not fit', () => {
    const rows = [
      ['hnsw', '12,345'],
      ['flat', '7'],
    ]
    expect(renderTable(columns, rows, 11)).toEqual([
      'kind  hnsw',
      'QPS   12,345',
      '',
      'kind  flat',
      'QPS   7',
    ])
  })

  it('refuses a row of another length', () => {
    expect(() => renderTable(columns, [['hnsw']], 80)).toThrow('row 0: expected 2 cells, received 1')
  })
})

describe('terminal', () => {
  function recorder(isTTY: boolean) {
    let text = ''
    return {
      isTTY,
      columns: 72,
      write: (part: string) => {
        text += part
      },
      text: () => text,
    }
  }

  it('piped: no escape code, no carriage return, no bar', () => {
    const output = recorder(false)
    const terminal = makeTerminal(output, {})
    terminal.status('half done')
    terminal.line(terminal.paint('bold', 'done'))
    expect(output.text()).toBe('done\n')
  })

  it('a terminal gets colours and a status that goes away', () => {
    const output = recorder(true)
    const terminal = makeTerminal(output, {})
    terminal.status('half done')
    terminal.line(terminal.paint('bold', 'done'))
    expect(output.text()).toBe('\r\u001b[2Khalf done\r\u001b[2K\u001b[1mdone\u001b[22m\n')
  })

  it('NO_COLOR takes colours away and leaves the bar', () => {
    const output = recorder(true)
    const terminal = makeTerminal(output, { NO_COLOR: '1' })
    expect(terminal.paint('bold', 'done')).toBe('done')
    terminal.status('half')
    expect(output.text()).toContain('half')
  })

  it('progress names phase, rows, speed and time left, within the width', () => {
    const terminal = makeTerminal(recorder(true), { NO_COLOR: '1' })
    const text = progressText(terminal, { phase: 'link', done: 10_000, total: 30_000 }, 2)
    expect(text).toContain('link     10,000 / 30,000  5,000 rows/s  4 s left')
    expect(text.length).toBeLessThanOrEqual(72)
    expect(progressText(terminal, { phase: 'link', done: 0, total: 0 }, 0)).toContain('0 / 0')
  })

  it('a bar is always as long as asked', () => {
    for (let eighth = 0; eighth <= 80; eighth += 1) expect(bar(eighth / 80, 10)).toHaveLength(10)
    expect(bar(0.5, 4)).toBe('██  ')
    expect(bar(1, 4)).toBe('████')
  })

  it('wraps at spaces and lets a long word stand alone', () => {
    expect(wrap('in the beginning God', 10)).toEqual(['in the', 'beginning', 'God'])
    expect(wrap('a Mahershalalhashbaz b', 5)).toEqual(['a', 'Mahershalalhashbaz', 'b'])
    expect(wrap('', 10)).toEqual([])
  })
})
