// Who may import whom. test/boundaries.test.ts holds the same table independently of this tool.
const core = '^src/core/index\\.ts$'

/** `from` may import only `to` (path patterns) and, unless refused, Node builtins and packages. */
const only = (name, from, to, { builtins = true, packages = true } = {}) => ({
  name,
  severity: 'error',
  from: { path: from },
  to: {
    pathNot: packages ? [...to, 'node_modules/'] : to,
    ...(builtins && { dependencyTypesNot: ['core'] }),
  },
})

export default {
  forbidden: [
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true } },
    { name: 'no-unresolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
    only('core-is-alone', '^src/core/', ['^src/core/'], { builtins: false, packages: false }),
    only('plugins-see-core', '^src/plugins/(?!planner-|memory-|tool-)([^/]+)/', [core, '^src/plugins/$1/']),
    // What goes to the network shares a fetch, and the search for tools is the search of memories.
    only('tools-see-fetching', '^src/plugins/(tool-[^/]+)/', [
      core,
      '^src/(fetching|remembering)/index\\.ts$',
      '^src/plugins/$1/',
    ]),
    only('fetching-sees-core', '^src/fetching/', [core, '^src/fetching/'], { packages: false }),
    only('memories-see-remembering', '^src/plugins/(memory-[^/]+)/', [core, '^src/remembering/index\\.ts$', '^src/plugins/$1/']),
    only('remembering-sees-core', '^src/remembering/', [core, '^src/remembering/', '^(node:)?crypto$'], {
      packages: false,
      builtins: false,
    }),
    only('planners-see-planning', '^src/plugins/(planner-[^/]+)/', [core, '^src/planning/index\\.ts$', '^src/plugins/$1/']),
    only('planning-sees-core', '^src/planning/', [core, '^src/planning/'], { builtins: false, packages: false }),
    only(
      'orchestrator-sees-core',
      '^src/orchestrator/',
      [core, '^src/orchestrator/', '^node_modules/(@cfworker/json-schema|croner|eventemitter3|fastq|yaml|zod)/'],
      { packages: false },
    ),
    only('documents-see-core', '^src/documents/', [core, '^src/documents/', '^node_modules/(parse5|unpdf)/'], {
      packages: false,
    }),
    {
      name: 'documents-load-late',
      severity: 'error',
      from: { path: '^src/documents/' },
      to: { path: '^node_modules/', dependencyTypesNot: ['dynamic-import', 'type-only'] },
    },
    only('testing-sees-core', '^src/testing/', [core, '^src/testing/'], { packages: false }),
    only(
      'cli-sees-the-public-surface',
      '^src/cli/',
      [
        core,
        '^src/cli/',
        '^src/(orchestrator/)?index\\.ts$',
        '^src/(documents|plugins/[^/]+)/index\\.ts$',
        '^node_modules/(commander|yaml)/',
      ],
      { packages: false },
    ),
    {
      // A plugin, and all that comes with it, is loaded by the command that is about it, and the engine by one that runs it.
      name: 'cli-loads-late',
      severity: 'error',
      from: { path: '^src/cli/' },
      to: {
        path: ['^src/(orchestrator/)?index\\.ts$', '^src/(documents|plugins)/', '^node_modules/yaml/'],
        dependencyTypesNot: ['dynamic-import', 'type-only'],
      },
    },
    only('top-level-joins-entries', '^src/[^/]+\\.ts$', [
      '^src/[^/]+\\.ts$',
      '^src/(core|orchestrator|plugins/[^/]+)/index\\.ts$',
    ]),
  ],
  options: {
    tsPreCompilationDeps: true, // type-only imports count too
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '\\.test(-d)?\\.ts$' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'types', 'node', 'default'],
    },
  },
}
