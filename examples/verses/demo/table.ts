/** Plain text tables: a header, a rule, rows; numbers to the right, words to the left. */

export interface Column {
  readonly title: string
  readonly align: 'left' | 'right'
}

/**
 * Lines of equal columns, two spaces apart, without trailing space. Where they would be wider than
 * `width`, each row becomes a block of `title  value` lines instead.
 */
export function renderTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  width: number,
): string[] {
  for (const [at, row] of rows.entries()) {
    if (row.length !== columns.length) {
      throw new Error(`table row ${at}: expected ${columns.length} cells, received ${row.length}`)
    }
  }
  const widths = columns.map((column, at) =>
    Math.max(column.title.length, ...rows.map((row) => (row[at] as string).length)),
  )
  const total = widths.reduce((sum, cells) => sum + cells, 0) + 2 * (columns.length - 1)
  return total <= width ? wide(columns, rows, widths, total) : narrow(columns, rows)
}

function wide(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  widths: readonly number[],
  total: number,
): string[] {
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, at) => {
        const cellWidth = widths[at] as number
        return columns[at]?.align === 'right' ? cell.padStart(cellWidth) : cell.padEnd(cellWidth)
      })
      .join('  ')
      .trimEnd()
  return [line(columns.map((column) => column.title)), '─'.repeat(total), ...rows.map(line)]
}

function narrow(columns: readonly Column[], rows: readonly (readonly string[])[]): string[] {
  const titleWidth = Math.max(...columns.map((column) => column.title.length))
  return rows.flatMap((row, at) => [
    ...(at > 0 ? [''] : []),
    ...columns.map((column, cell) => `${column.title.padEnd(titleWidth)}  ${row[cell]}`),
  ])
}
