import fc from "fast-check";
import { lawSeed } from "./seed.js";

// Laws without a seed of their own run from the same one as the others.
fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: lawSeed });
