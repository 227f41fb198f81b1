import { liveList, urqlClient } from '../src/urql.js'
import { connection, show, token, url } from './live.js'

const first = 20
const client = await urqlClient(connection, { url, token, first })
await liveList(client, show, { first, signal: new AbortController().signal })
