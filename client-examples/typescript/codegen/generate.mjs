// Writes the typed documents from the schema: `node codegen/generate.mjs [SCHEMA [FOLDER]]`.
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { preset } from '@graphql-codegen/client-preset'
import { codegen } from '@graphql-codegen/core'
import { buildSchema, parse, printSchema } from 'graphql'

import { documentsPlugin } from './documents.mjs'
import { fragmentsOf, possibleTypesPlugin, taskTypesPlugin } from './tasks.mjs'

const here = dirname(dirname(fileURLToPath(import.meta.url)))
const [schemaPath = join(here, '../../schema.graphql'), folder = join(here, 'src/generated')] = process.argv.slice(2)

const ours = (name) => `../scalars.js#${name}`
const config = {
  documentMode: 'string',
  immutableTypes: true,
  importExtension: '.js',
  strictScalars: true,
  useTypeImports: true,
  // What we send, and what we get.
  scalars: {
    ID: { input: ours('Uuid'), output: ours('Id') },
    UUID: { input: ours('Uuid'), output: ours('Uuid') },
    DateTime: { input: 'string', output: ours('DateTime') },
    EventCursor: { input: ours('EventCursor'), output: ours('EventCursor') },
    BigInt: { input: ours('BigIntInput'), output: ours('BigIntOutput') },
    Decimal: { input: 'string | number', output: 'string' },
    Date: { input: 'string', output: 'string' },
    Time: { input: 'string', output: 'string' },
    JSON: { input: ours('Json'), output: ours('Json') },
  },
}

const schemaAst = buildSchema(await readFile(schemaPath, 'utf8'))
const written = await readFile(join(here, 'src/documents.graphql'), 'utf8')
const common = {
  schema: parse(printSchema(schemaAst)),
  schemaAst,
  documents: [source('src/documents.graphql', written), source('codegen/tasks.mjs', fragmentsOf(schemaAst))],
  config,
}

// Of the client preset's files only the types and documents: `graphql()` and fragment masking are not used here.
const [section] = await preset.buildGeneratesSection({
  ...common,
  baseOutputDir: './',
  presetConfig: { fragmentMasking: false },
  plugins: [],
  pluginMap: {},
})
await write('graphql.ts', {
  ...section,
  plugins: [{ 'typescript-operations': {} }, { documents: {} }],
  pluginMap: { ...section.pluginMap, documents: documentsPlugin },
  // One alternative for all task types that look alike: else each document has as many as there are task types.
  config: { ...section.config, mergeFragmentTypes: true },
})
await write('task-types.ts', { ...common, plugins: [{ it: {} }], pluginMap: { it: taskTypesPlugin } })
await write('possible-types.ts', { ...common, plugins: [{ it: {} }], pluginMap: { it: possibleTypesPlugin } })

function source(location, text) {
  return { location, rawSDL: text, document: parse(text) }
}

async function write(filename, section) {
  await mkdir(folder, { recursive: true })
  const text = await codegen({ ...section, filename })
  await writeFile(join(folder, filename), `// Written by \`make codegen\`; never edit it.\n${text.trim()}\n`)
}
