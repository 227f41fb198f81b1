import { createGraphiQLFetcher, type Fetcher, type FetcherParams } from "@graphiql/toolkit";
import { type DocumentNode, Kind, parse } from "graphql";
import { type Client, createClient } from "graphql-ws";

import { connection, endpoint, viewerMayHaveChanged } from "./session";

/** The task that the "id" left empty stands for: the one that this page submitted last. */
let lastTaskId = "";

/** What a variable that was left as "" stands for in the examples. */
const fillers: Record<string, () => string> = {
  id: () => lastTaskId,
  // Not randomUUID, which browsers offer to pages over HTTPS and on localhost alone.
  key: () => crypto.getRandomValues(new Uint32Array(4)).join("-"),
};

/** What is about to be run, as read from its own text; undefined where that is not GraphQL, for the server to say so. */
function documentOf({ query }: FetcherParams): DocumentNode | undefined {
  try {
    return parse(query);
  } catch {
    return undefined;
  }
}

/**
 * The operation's name, corrected: for a moment after a change of tabs, GraphiQL still has the name and the document of the
 * tab before.
 */
function operationName({ operationName: given }: FetcherParams, document?: DocumentNode): string | undefined {
  const operations = document?.definitions.filter((definition) => definition.kind === Kind.OPERATION_DEFINITION) ?? [];
  const named = operations.find((operation) => operation.name?.value === given);
  return (named ?? operations[0])?.name?.value;
}

function filledIn(params: FetcherParams, document?: DocumentNode): FetcherParams {
  const variables: Record<string, unknown> = { ...params.variables };
  for (const [name, filler] of Object.entries(fillers)) {
    if (variables[name] === "") variables[name] = filler();
  }
  return { ...params, variables, operationName: operationName(params, document) };
}

function learnFrom(data: Record<string, any> | null | undefined): void {
  if (data?.submitTask?.task?.id) lastTaskId = data.submitTask.task.id;
  if (data && ("login" in data || "logout" in data || "register" in data)) viewerMayHaveChanged();
}

/**
 * One socket for all the subscriptions that show the same token, opened when the first of them begins and closed with the
 * last. The session cookie goes along by itself; the server reads it when the socket opens, so a sign-in counts from
 * the next subscription on.
 */
function openClient(authorization: string): Client {
  return createClient({
    url: endpoint.replace(/^http/, "ws"),
    connectionParams: authorization ? { authorization } : undefined,
    keepAlive: 10_000,
    retryAttempts: 30,
    retryWait: (retries) => new Promise((resume) => setTimeout(resume, Math.min(5_000, 250 * 2 ** retries))),
    on: {
      connected: () => connection.set("open"),
      closed: (event) => connection.set((event as CloseEvent).code === 1000 ? "idle" : "lost"),
    },
  });
}

const fetchers = new Map<string, Fetcher>();

function fetcherFor(authorization: string): Fetcher {
  let found = fetchers.get(authorization);
  if (!found) {
    found = createGraphiQLFetcher({ url: endpoint, wsClient: openClient(authorization), enableIncrementalDelivery: false });
    fetchers.set(authorization, found);
  }
  return found;
}

/** Sends what GraphiQL runs: queries and mutations by POST, subscriptions over the socket. */
export const fetcher: Fetcher = async (params, options) => {
  const headers = Object.entries(options?.headers ?? {});
  const authorization = headers.find(([name]) => name.toLowerCase() === "authorization")?.[1] ?? "";
  const documentAST = documentOf(params);
  const answer = await fetcherFor(authorization)(filledIn(params, documentAST), { ...options, documentAST });
  if ("data" in answer) learnFrom(answer.data as Record<string, any> | null);
  return answer;
};
