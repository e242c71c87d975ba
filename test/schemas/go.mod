module sluice.dev/test/schemas

go 1.26

// For one file of it: the schema of SARIF 2.1.0 as OASIS published it (errata 01), report/sarif/testdata/sarif-schema-2.1.0.json.
require github.com/securego/gosec/v2 v2.30.0
