// Reads CircleCI configurations with CircleCI's own parser, and fails on whatever it refuses.
//
//	node circleci-lint.mjs FILE…
import { readFileSync } from "node:fs";
import process from "node:process";
import parser from "@circleci/circleci-config-parser";

const names = process.argv.slice(2);
let failed = names.length === 0;
for (const name of names) {
  try {
    const config = parser.parseConfig(readFileSync(name, "utf8"));
    if (config.jobs.length === 0 || config.workflows.length === 0) {
      throw new Error("no job, or no workflow");
    }
  } catch (error) {
    failed = true;
    console.log(`${name}: ${error.message}`);
  }
}
process.exit(failed ? 1 : 0);
