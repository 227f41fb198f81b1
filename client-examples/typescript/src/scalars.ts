// The schema's scalars as TypeScript sees them. A brand costs nothing at run time: it keeps what the server gave from
// being mixed up with other strings.

declare const brand: unique symbol
type Branded<Name extends string> = string & { readonly [brand]: Name }

/** Any id that the server gave. */
export type Id = Branded<'Id'>
/** What is asked for by id: one that the server gave, or text in the form of a UUID, as from an address. */
export type Uuid = Id | `${string}-${string}-${string}-${string}-${string}`
/** RFC 3339 in UTC, as in `2025-01-31T09:30:00.123456Z`: `new Date(value)` reads it. */
export type DateTime = Branded<'DateTime'>
/** A position in the event log: hand it back as `after`, never take it apart. */
export type EventCursor = Branded<'EventCursor'>
/** A whole number of any size: `BigInt(value)` reads it. */
export type BigIntOutput = `${bigint}`
/** What is sent as one; a `bigint` as `${value}`, since JSON has none. */
export type BigIntInput = number | `${bigint}`
/** Any JSON value. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json }

/** Whether a text has the form of a UUID. */
export const isUuid = (text: string): text is Uuid => /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i.test(text)

/** A cursor that was kept as text, in a file or in the browser's storage, between two runs. */
export const eventCursor = (text: string): EventCursor => text as EventCursor
