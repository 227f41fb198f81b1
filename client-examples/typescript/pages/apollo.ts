import { apolloClient, liveList } from '../src/apollo.js'
import { connection, show, token, url } from './live.js'

const client = await apolloClient(connection, { url, token })
await liveList(connection, client, show, { signal: new AbortController().signal })
