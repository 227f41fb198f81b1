// The live list of both caches: `node caches.js URL TOKEN TOKEN` prints what each showed, for a user of its own.
//
// The test has taken AddNumbersTask out of the generated possible types: to these caches it is a task type that came later.
import { argv, exit, stdout } from 'node:process'

import { parse } from 'graphql'
import WebSocket from 'ws'

import { apolloClient, liveList as apolloList } from '../src/apollo.js'
import { Connection } from '../src/connection.js'
import type { Page } from '../src/feed.js'
import { possibleTypes } from '../src/generated/possible-types.js'
import { submitTask } from '../src/tasks.js'
import { liveList as urqlList, urqlClient } from '../src/urql.js'

const [url = '', ...tokens] = argv.slice(2)
const first = 3
const FRAGMENT = parse(`
  query Rows { tasks(first: 3) { nodes { ...Row } } }
  fragment Row on Task { id type progress { message } }
`)

/** Shows the live list until the signal, and gives a way to ask the same cache for what a fragment on Task selects. */
interface Start {
  (connection: Connection, token: string, show: (page: Page) => void, signal: AbortSignal): Promise<() => Promise<unknown>>
}

const lists: { [name: string]: Start } = {
  async apollo(connection, token, show, signal) {
    const client = await apolloClient(connection, { url, token })
    apolloList(connection, client, show, { first, signal }).catch(failed(signal))
    return async () => (await client.query({ query: FRAGMENT, fetchPolicy: 'network-only' })).data
  },
  async urql(connection, token, show, signal) {
    const client = await urqlClient(connection, { url, token, first })
    urqlList(client, show, { first, signal }).catch(failed(signal))
    return async () => (await client.query(FRAGMENT, {}, { requestPolicy: 'network-only' }).toPromise()).data
  },
}

const failed = (signal: AbortSignal) => (fault: unknown) => {
  if (!signal.aborted) throw fault
}

async function play(start: Start, token: string) {
  const connection = new Connection({ url, token, webSocket: WebSocket })
  const pages: Page[] = []
  let heard: () => void = () => undefined
  const shown = async (isIt: (page: Page) => boolean): Promise<Page> => {
    for (;;) {
      const page = pages.at(-1)
      if (page && isIt(page)) return page
      await new Promise<void>((resolve) => (heard = resolve))
    }
  }
  const show = (page: Page) => {
    pages.push(page)
    heard()
  }
  const stop = new AbortController()
  const rows = await start(connection, token, show, stop.signal)

  const { task: before } = await submitTask(connection, { reverseString: { text: 'before' } }, { waitSeconds: 20 })
  await shown(({ nodes }) => nodes.some(({ id, status }) => id === before?.id && status === 'SUCCEEDED'))
  const { task: added } = await submitTask(connection, { addNumbers: { a: 1, b: 2 } }, { waitSeconds: 20 })
  const withNew = await shown(({ nodes }) => nodes.some(({ id, status }) => id === added?.id && status === 'SUCCEEDED'))
  const { id, ...row } = withNew.nodes[0] ?? {}
  const inFragments = await rows()

  const texts = ['a', 'b', 'c', 'd']
  const ids: (string | undefined)[] = []
  for (const text of texts) ids.unshift((await submitTask(connection, { reverseString: { text } })).task?.id)
  const full = await shown(({ nodes }) => nodes[0]?.id === ids[0] && nodes.every(({ status }) => status === 'SUCCEEDED'))
  const newest = full.nodes.map((node) => node.id)
  const versions = pages.flatMap(({ nodes }) => nodes.filter((node) => node.id === added?.id).map(({ version }) => version))
  stop.abort()
  await connection.close()
  return {
    row,
    isIt: id === added?.id,
    inFragments,
    isNewestFirst: JSON.stringify(newest) === JSON.stringify(ids.slice(0, first)),
    wentBack: versions.some((version, number) => version < (versions[number - 1] ?? 0)),
  }
}

const told = Object.entries(lists).map(async ([name, start], number) => [name, await play(start, tokens[number] ?? '')])
const known: readonly string[] = possibleTypes.Task
stdout.write(JSON.stringify({ ...Object.fromEntries(await Promise.all(told)), isKnown: known.includes('AddNumbersTask') }))
exit(0)
