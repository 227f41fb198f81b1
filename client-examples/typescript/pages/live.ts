// What both pages share: who is asking, and how a list looks.
import { Connection } from '../src/connection.js'
import type { Page } from '../src/feed.js'

export const url = new URL('/graphql', location.href).href
export const token = prompt('Your token') ?? ''
export const connection = new Connection({ url, token })

export function show({ nodes }: Page): void {
  const lines = nodes.map(({ type, status, progress }) => {
    const line = document.createElement('li')
    line.textContent = `${type} ${status} ${progress?.fraction ? `${Math.round(progress.fraction * 100)} %` : ''}`
    return line
  })
  document.querySelector('ol')?.replaceChildren(...lines)
}
