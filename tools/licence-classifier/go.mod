module atlas/tools/licence-classifier

go 1.26

require github.com/google/licensecheck v0.3.1
