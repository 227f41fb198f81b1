// One server, as one user: a socket for subscriptions, which all of them share, and POST for the rest.
import { createClient, type Client as Socket } from 'graphql-ws'

import { faultOf, Refused, Unavailable } from './faults.js'
import type { Document } from './generated/graphql.js'

export interface ConnectionOptions {
  /** Where GraphQL is served, as in `http://127.0.0.1:8000/graphql`. */
  readonly url: string
  /** A token, or a function that gets one: asked at each connection, so that it may be a new one. */
  readonly token?: string | (() => string | Promise<string>)
  /** Where there is no global WebSocket (Node.js before 22): the `ws` package's. */
  readonly webSocket?: unknown
}

/** How long the socket may be silent before it is asked, and then before it is given up. */
const SILENCE_MILLISECONDS = 10_000
const PONG_MILLISECONDS = 5_000

export class Connection {
  private readonly socket: Socket

  constructor(private readonly options: ConnectionOptions) {
    let awaitingPong: ReturnType<typeof setTimeout> | undefined
    const socket = createClient({
      // Checked here: graphql-ws would end the process at an address that is none.
      url: new URL(options.url).href.replace(/^http/, 'ws'),
      connectionParams: () => this.credentials(),
      ...(options.webSocket === undefined ? {} : { webSocketImpl: options.webSocket }),
      // Its own retries would send the same variables again; ours go on from the last cursor.
      retryAttempts: 0,
      keepAlive: SILENCE_MILLISECONDS,
      on: {
        ping: (received) => {
          if (!received) awaitingPong = setTimeout(() => socket.terminate(), PONG_MILLISECONDS)
        },
        pong: (received) => {
          if (received) clearTimeout(awaitingPong)
        },
        closed: () => clearTimeout(awaitingPong),
      },
    })
    this.socket = socket
  }

  /** Each answer of a subscription, until the server completes it. Throws `Refused` or `Unavailable`. */
  async *subscribe<Result, Variables extends Record<string, unknown>>(
    document: Document<Result, Variables>,
    variables: Variables,
    signal?: AbortSignal,
  ): AsyncGenerator<Result, void> {
    signal?.throwIfAborted()
    const answers = this.socket.iterate<Result>({ query: document, variables })
    const stop = () => void answers.return?.()
    signal?.addEventListener('abort', stop)
    try {
      for await (const { data, errors } of answers) {
        if (errors) throw errors
        if (data) yield data
      }
    } catch (thrown) {
      throw faultOf(thrown)
    } finally {
      signal?.removeEventListener('abort', stop)
      stop()
    }
    signal?.throwIfAborted()
  }

  /** The answer to a query or a mutation. Throws `Refused` or `Unavailable`. */
  async ask<Result, Variables>(document: Document<Result, Variables>, variables: Variables): Promise<Result> {
    const headers = { 'Content-Type': 'application/json', Accept: 'application/json', ...(await this.credentials()) }
    const body = JSON.stringify({ query: document, variables })
    const response = await fetch(this.options.url, { method: 'POST', headers, body }).catch((cause: unknown) => {
      throw new Unavailable('the server was not reached', { cause })
    })
    const answer: Answer<Result> = await response.json().catch((cause: unknown) => {
      throw new Unavailable(`the answer was cut short, or not the server's: HTTP ${response.status}`, { cause })
    })
    if (answer.errors) throw faultOf(answer.errors)
    if (!answer.data) throw new Refused('INTERNAL', `expected data, got HTTP ${response.status} without`)
    return answer.data
  }

  /** Ends every subscription and closes the socket. */
  async close(): Promise<void> {
    await this.socket.dispose()
  }

  private async credentials(): Promise<{ authorization?: string }> {
    const { token } = this.options
    const text = typeof token === 'function' ? await token() : token
    return text ? { authorization: `Bearer ${text}` } : {}
  }
}

interface Answer<Result> {
  readonly data?: Result | null
  readonly errors?: readonly unknown[]
}
