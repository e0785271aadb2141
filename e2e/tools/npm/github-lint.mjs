// Reads workflows and action metadata as GitHub's own parser does, and fails on whatever it
// says of them. What they use of pipeseal/pipeseal is this repository at any ref, so its
// inputs are checked as well.
//
//	node github-lint.mjs FILE…    FILE is …/.github/workflows/NAME.yml or …/action.yml
import { readFileSync } from "node:fs";
import fs from "node:fs/promises";
import { registerHooks } from "node:module";
import path from "node:path";
import process from "node:process";
import { fileURLToPath, pathToFileURL } from "node:url";
import { TextDocument } from "vscode-languageserver-textdocument";
import { parse } from "yaml";

// The parser is made for bundlers and imports JSON as they do.
registerHooks({
  load(url, context, next) {
    if (!url.endsWith(".json")) {
      return next(url, context);
    }
    return { format: "module", shortCircuit: true, source: `export default ${readFileSync(fileURLToPath(url), "utf8")}` };
  },
});
const { LogLevel, registerLogger, setLogLevel, validate } = await import("@actions/languageservice");

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../../..");
let found = 0;

function complain(line) {
  found++;
  console.log(line);
}

// The parser logs what went wrong in itself, and goes on.
registerLogger({ error: complain, warn: complain, info() {}, log() {} });
setLogLevel(LogLevel.Warn);

async function metadata(action) {
  if (action.owner !== "pipeseal" || action.name !== "pipeseal") {
    return { name: action.name, description: "not at hand" };
  }
  return parse(await fs.readFile(path.join(root, action.path ?? "", "action.yml"), "utf8"));
}

// files finds the reusable workflows that a workflow of the repository in base calls.
function files(base) {
  return {
    async getFileContent(ref) {
      const here = ref.repository === undefined || (ref.owner === "pipeseal" && ref.repository === "pipeseal" && root);
      if (!here) {
        throw new Error(`${ref.owner}/${ref.repository} is not at hand`);
      }
      const name = path.join(here === root ? root : base, ref.path);
      return { name: ref.path, content: await fs.readFile(name, "utf8") };
    },
  };
}

for (const name of process.argv.slice(2)) {
  const file = path.resolve(name);
  const text = await fs.readFile(file, "utf8");
  const document = TextDocument.create(pathToFileURL(file).href, "yaml", 1, text);
  const base = file.replace(/\/\.github\/workflows\/[^/]*$/, "");
  const diagnostics = await validate(document, {
    actionsMetadataProvider: { fetchActionMetadata: metadata },
    fileProvider: files(base),
  });
  for (const d of diagnostics) {
    complain(`${name}:${d.range.start.line + 1}:${d.range.start.character + 1}: ${d.message}`);
  }
}
if (process.argv.length < 3) {
  complain("no file to read");
}
process.exitCode = found > 0 ? 1 : 0;
