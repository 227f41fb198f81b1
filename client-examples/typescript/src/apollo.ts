// A live list with Apollo Client: its normalised cache holds the tasks, the feed changes them there.
import { ApolloClient, HttpLink, InMemoryCache, type TypedDocumentNode } from '@apollo/client'
import { parse } from 'graphql'

import type { Connection } from './connection.js'
import { currentPossibleTypes, fold, followPage, type Page } from './feed.js'
import { ListTasksDocument, type ListTasksQuery, type ListTasksQueryVariables } from './generated/graphql.js'

const LIST: TypedDocumentNode<ListTasksQuery, ListTasksQueryVariables> = parse(ListTasksDocument)

export interface ApolloOptions {
  readonly url: string
  readonly token: string
}

export async function apolloClient(connection: Connection, { url, token }: ApolloOptions): Promise<ApolloClient> {
  return new ApolloClient({
    link: new HttpLink({ uri: url, headers: { authorization: `Bearer ${token}` } }),
    cache: new InMemoryCache({
      possibleTypes: await currentPossibleTypes(connection),
      typePolicies: {
        // They have no id: another query that selects less of them must not take away what this one has.
        TaskConnection: { merge: true, fields: { nodes: { merge: false } } },
        TaskProgress: { merge: true },
      },
    }),
  })
}

/** Shows the newest tasks, now and whenever they change, until the signal. */
export async function liveList(
  connection: Connection,
  client: ApolloClient,
  show: (page: Page) => void,
  { first = 20, signal }: { readonly first?: number; readonly signal: AbortSignal },
): Promise<void> {
  const query = { query: LIST, variables: { first } }
  // The cache alone: an answer of its own might come late, and put the list back.
  const shown = client.watchQuery({ ...query, fetchPolicy: 'cache-only' }).subscribe(({ data, dataState }) => {
    if (dataState === 'complete') show(data.tasks)
  })
  signal.addEventListener('abort', () => shown.unsubscribe())
  while (!signal.aborted) {
    const { data } = await client.query({ ...query, fetchPolicy: 'network-only' })
    if (!data) return
    for await (const update of followPage(connection, data.tasks, { signal })) {
      // A task type that came while the page was open: from now on fragments on `Task` are meant for it too.
      const name = update.task?.__typename
      if (name && client.cache instanceof InMemoryCache) client.cache.policies.addPossibleTypes({ Task: [name] })
      client.cache.updateQuery(query, (list) => list && { ...list, tasks: fold(list.tasks, update, first) })
    }
  }
}
