// Whether others take what we write: the arguments are where the packages are, and the format; the text comes from
// standard input. Ends with status 1 and says why, where they do not.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [, , packages, format] = process.argv;
const require = createRequire(`${packages}/package.json`);
const text = readFileSync(0, "utf8");

async function backstage() {
  const model = require("@backstage/catalog-model");
  const { parseAllDocuments } = require("yaml");
  const validators = {
    System: model.systemEntityV1alpha1Validator,
    Component: model.componentEntityV1alpha1Validator,
    Resource: model.resourceEntityV1alpha1Validator,
  };
  const policies = [
    new model.SchemaValidEntityPolicy(),
    new model.NoForeignRootFieldsEntityPolicy(),
    new model.FieldFormatEntityPolicy(),
  ];
  const seen = new Set();
  for (const document of parseAllDocuments(text)) {
    if (document.errors.length > 0) throw document.errors[0];
    const entity = document.toJS();
    for (const policy of policies) await policy.enforce(entity);
    if (!(await validators[entity.kind].check(entity))) throw new Error(`no ${entity.kind}`);
    const name = model.stringifyEntityRef(entity);
    if (seen.has(name)) throw new Error(`${name} is there twice`);
    seen.add(name);
  }
  for (const name of seen) console.log(name);
}

async function gitgraph() {
  // Its exports are for `import` alone, which would look beside this file.
  const path = `${packages}/node_modules/@mermaid-js/parser/dist/mermaid-parser.core.mjs`;
  const { parse } = await import(pathToFileURL(path));
  const body = text.replace(/^---\n[\s\S]*?\n---\n/, "");
  const graph = await parse("gitGraph", body);
  console.log(graph.statements.length);
}

await { backstage, gitgraph }[format]();
