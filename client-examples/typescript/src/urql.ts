// A live list with urql: Graphcache holds the tasks, and the feed is a subscription that changes them there.
import { Client, fetchExchange, subscriptionExchange, type TypedDocumentNode } from '@urql/core'
import { cacheExchange } from '@urql/exchange-graphcache'
import { parse } from 'graphql'

import type { Connection } from './connection.js'
import { currentPossibleTypes, fold, followPage, type Page } from './feed.js'
import {
  FollowTasksDocument,
  ListTasksDocument,
  type FollowTasksSubscription,
  type FollowTasksSubscriptionVariables,
  type ListTasksQuery,
  type ListTasksQueryVariables,
} from './generated/graphql.js'

const LIST: TypedDocumentNode<ListTasksQuery, ListTasksQueryVariables> = parse(ListTasksDocument)
const FOLLOW: TypedDocumentNode<FollowTasksSubscription, FollowTasksSubscriptionVariables> = parse(FollowTasksDocument)

export interface UrqlOptions {
  readonly url: string
  readonly token: string
  /** How many tasks are shown. */
  readonly first: number
}

export async function urqlClient(connection: Connection, { url, token, first }: UrqlOptions): Promise<Client> {
  const list = { query: LIST, variables: { first } }
  const whole = () => null
  const cache = cacheExchange({
    // Not `schema`: Graphcache throws at an object of a type that its schema does not have.
    possibleTypes: await currentPossibleTypes(connection),
    keys: { TaskConnection: whole, TaskProgress: whole, TasksUpdate: whole, Gap: whole },
    updates: {
      Subscription: {
        tasksUpdated({ tasksUpdated }: FollowTasksSubscription, _arguments, store) {
          store.updateQuery(list, (data) => data && { ...data, tasks: fold(data.tasks, tasksUpdated, first) })
        },
      },
    },
  })
  const feed = subscriptionExchange({
    forwardSubscription: () => ({
      subscribe(sink) {
        const stop = new AbortController()
        const page = client.readQuery(LIST, { first })?.data?.tasks
        const forward = async () => {
          if (!page) return
          for await (const tasksUpdated of followPage(connection, page, { signal: stop.signal })) {
            sink.next({ data: { tasksUpdated } })
          }
        }
        forward().then(() => sink.complete(), (fault: unknown) => stop.signal.aborted || sink.error(fault))
        return { unsubscribe: () => stop.abort() }
      },
    }),
  })
  const fetchOptions = { headers: { authorization: `Bearer ${token}` } }
  const client = new Client({ url, fetchOptions, preferGetMethod: false, exchanges: [cache, fetchExchange, feed] })
  return client
}

/** Shows the newest tasks, now and whenever they change, until the signal. */
export async function liveList(
  client: Client,
  show: (page: Page) => void,
  { first = 20, signal }: { readonly first?: number; readonly signal: AbortSignal },
): Promise<void> {
  // The cache alone: an answer of its own might come late, and put the list back.
  const cached = client.query(LIST, { first }, { requestPolicy: 'cache-only' })
  const shown = cached.subscribe(({ data }) => data && show(data.tasks))
  signal.addEventListener('abort', () => shown.unsubscribe())
  while (!signal.aborted) {
    const { data, error } = await client.query(LIST, { first }, { requestPolicy: 'network-only' }).toPromise()
    if (error) throw error
    if (!data) return
    await feedOf(client, data.tasks, signal)
  }
}

/** Resolves where the feed ends, at a GAP or by the signal. */
function feedOf(client: Client, { eventCursor }: Page, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const running = client.subscription(FOLLOW, { after: eventCursor }).subscribe(({ error, hasNext }) => {
      if (error) reject(error)
      else if (!hasNext) resolve()
    })
    signal.addEventListener('abort', () => {
      running.unsubscribe()
      resolve()
    })
  })
}
