// The clients, each behind the same few words: `ask` for one result, `follow` for many, `close` at the end.
// Each is set up as its own documentation says, and nothing of ours stands between it and the server.
import { ApolloClient, ApolloLink, HttpLink, InMemoryCache, gql } from '@apollo/client'
import { GraphQLWsLink } from '@apollo/client/link/subscriptions'
import { OperationTypeNode } from 'graphql'
import { CombinedGraphQLErrors } from '@apollo/client/errors'
import { Client as UrqlClient, fetchExchange, subscriptionExchange } from '@urql/core'
import { createClient as createSseClient } from 'graphql-sse'
import { createClient as createWsClient } from 'graphql-ws'
import WebSocket from 'ws'

// Apollo's link looks for the browser's own, which Node.js has from 22 on.
globalThis.WebSocket ??= WebSocket

const headersOf = (token) => (token ? { authorization: `Bearer ${token}` } : {})

/** Keeps what happened to a graphql-ws socket in `seen`. */
function socketOf({ wsUrl, token }, seen, more = {}) {
  return createWsClient({
    url: wsUrl,
    webSocketImpl: WebSocket,
    connectionParams: headersOf(token),
    retryAttempts: 0,
    on: {
      connected: () => seen.sockets++,
      ping: (received) => received && seen.pings++,
      pong: (received) => received && seen.pongs++,
      closed: (event) => (seen.closed = event.code),
    },
    ...more,
  })
}

/** GraphQL errors as they came; anything else as one error with its text and, if it has one, its HTTP status. */
export const errorsOf = (fault) =>
  Array.isArray(fault) ? fault : fault?.errors ?? [{ message: String(fault?.message ?? fault), status: fault?.response?.status }]

/** The first and only result of something that is followed. */
const once = (client) => (query, variables) =>
  new Promise((resolve) => {
    let result
    client.follow(query, variables, {
      next: (value) => (result = value),
      error: (fault) => resolve({ errors: errorsOf(fault) }),
      complete: () => resolve(result),
    })
  })

function graphqlWs(where) {
  const seen = { sockets: 0, pings: 0, pongs: 0 }
  const socket = socketOf(where, seen, { lazyCloseTimeout: 5_000, keepAlive: 300 })
  const client = {
    seen,
    follow: (query, variables, sink) => socket.subscribe({ query, variables }, sink),
    close: () => socket.dispose(),
  }
  return { ...client, ask: once(client) }
}

function graphqlSse({ url, token }) {
  const stream = createSseClient({ url, headers: headersOf(token), retryAttempts: 0 })
  const client = {
    seen: {},
    follow: (query, variables, sink) => stream.subscribe({ query, variables }, sink),
    close: () => stream.dispose(),
  }
  return { ...client, ask: once(client) }
}

function apollo(where) {
  const seen = { sockets: 0, pings: 0, pongs: 0 }
  const socket = socketOf(where, seen, { lazyCloseTimeout: 5_000 })
  const link = ApolloLink.split(
    ({ operationType }) => operationType === OperationTypeNode.SUBSCRIPTION,
    new GraphQLWsLink(socket),
    new HttpLink({ uri: where.url, headers: headersOf(where.token) }),
  )
  const client = new ApolloClient({
    link,
    cache: new InMemoryCache(),
    defaultOptions: { query: { fetchPolicy: 'no-cache' }, mutate: { fetchPolicy: 'no-cache' } },
  })
  const errors = (fault) => ({ errors: CombinedGraphQLErrors.is(fault) ? fault.errors : errorsOf(fault) })
  return {
    seen,
    ask: (query, variables) =>
      (query.trimStart().startsWith('mutation')
        ? client.mutate({ mutation: gql(query), variables })
        : client.query({ query: gql(query), variables })
      ).then(({ data }) => ({ data }), errors),
    follow(query, variables, sink) {
      let ended = false
      const running = client.subscribe({ query: gql(query), variables, fetchPolicy: 'no-cache' }).subscribe({
        next: ({ data, error }) => {
          if (!error) return sink.next({ data })
          ended = true
          sink.error(errors(error).errors)
        },
        error: (fault) => sink.error(errors(fault).errors),
        complete: () => ended || sink.complete(),
      })
      return () => running.unsubscribe()
    },
    close() {
      client.stop()
      socket.dispose()
    },
  }
}

/** urql over its own fetch exchange alone (subscriptions as server-sent events), or with a graphql-ws socket. */
const urql = (overSocket) => (where) => {
  const seen = { sockets: 0, pings: 0, pongs: 0 }
  const socket = overSocket && socketOf(where, seen, { lazyCloseTimeout: 5_000 })
  const forwarded = subscriptionExchange({
    forwardSubscription: (request) => ({
      subscribe: (sink) => ({ unsubscribe: socket && socket.subscribe(request, sink) }),
    }),
  })
  const client = new UrqlClient({
    url: where.url,
    preferGetMethod: false,
    fetchSubscriptions: !overSocket,
    fetchOptions: { headers: headersOf(where.token) },
    exchanges: overSocket ? [fetchExchange, forwarded] : [fetchExchange],
  })
  const plain = ({ data, error }) =>
    error ? { errors: error.networkError ? errorsOf(error) : error.graphQLErrors } : { data }
  return {
    seen,
    ask: (query, variables) =>
      (query.trimStart().startsWith('mutation') ? client.mutation(query, variables) : client.query(query, variables)).toPromise().then(plain),
    follow(query, variables, sink) {
      let ended = false
      const running = client.subscription(query, variables).subscribe((answer) => {
        const result = plain(answer)
        if (result.errors) ended = true
        if (result.errors) sink.error(result.errors)
        else if (!ended) sink.next(result)
        if (!ended && answer.hasNext === false) sink.complete()
      })
      return () => running.unsubscribe()
    },
    close: () => socket && socket.dispose(),
  }
}

export const CLIENTS = {
  'graphql-ws': graphqlWs,
  'graphql-sse': graphqlSse,
  apollo,
  'urql-ws': urql(true),
  'urql-sse': urql(false),
}
