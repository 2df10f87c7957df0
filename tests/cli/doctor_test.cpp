#include "tests/cli/command.h"

#include "engine/core/json.h"
#include "tests/support/test.h"

using namespace llmrun;

namespace {

json check_of(const json& document, const std::string& name) {
  for (const json& check : document.at("checks"))
    if (check.at("name") == name) return check;
  FAIL("no check '", name, "'");
  return {};
}

/// llmrun doctor on a Polaris login node whose qstat does what `script` says.
Outcome on_polaris(const CommandLine& shell, const std::string& script, const std::string& words) {
  std::filesystem::create_directory(shell.path("bin"));
  shell.write("bin/qstat", "#!/bin/sh\n" + script + "\n");
  std::filesystem::permissions(shell.path("bin/qstat"), std::filesystem::perms::owner_all);
  return shell("export PATH=\"$PWD/bin\":$PATH; llmrun doctor --set machine=polaris " + words);
}

const std::string kQstat = "case \"$1\" in -B) f=qstat_Bf;; -Q) f=qstat_Qf;; esac\ncat " LLMRUN_SOURCE_DIR "/tests/data/pbs/$f.json";

}  // namespace

TEST_CASE("doctor --json: version 1, every check with five words, and nothing of ranks outside an allocation") {
  const CommandLine shell;
  const json document = json::parse(on_polaris(shell, kQstat, "--set job.account=datascience --json").out);
  CHECK(document.at("version") == 1);
  CHECK(document.at("report").is_null());
  std::vector<std::string> names;
  for (const json& check : document.at("checks")) {
    names.push_back(check.at("name"));
    std::vector<std::string> keys;
    for (const auto& [key, value] : check.items()) keys.push_back(key);
    CHECK(keys == std::vector<std::string>{"name", "asks", "result", "seen", "remedy"});
  }
  const std::vector<std::string> known{
      "programs", "checksums", "build",         "configuration", "machine", "profiles",         "scheduler",         "queue",
      "account",  "home",      "run directory", "state",         "TMPDIR",  "file system home", "file system eagle", "stale ranks",
      "network",  "limits",    "clock",         "MPI",           "PMIx"};
  CHECK(names == known);
  CHECK(check_of(document, "scheduler").at("seen") == "'polaris-pbs-01.hsn.cm.polaris.alcf.anl.gov' runs PBS 23.06.06 and is Active");
  CHECK(check_of(document, "machine").at("seen") == "'polaris': it was named");
  CHECK(check_of(document, "stale ranks").at("result") == "ok");
}

TEST_CASE("doctor shows each failure with its remedy and exits with 5") {
  const CommandLine shell;
  const Outcome sick = shell("export TMPDIR=/nowhere RANK=3; llmrun doctor");
  CHECK(sick.exit == 5);
  CHECK(sick.out.find("fail  TMPDIR         TMPDIR '/nowhere' is no directory\n                  -> export TMPDIR=/tmp\n") !=
        std::string::npos);
  CHECK(sick.out.find("warn  stale ranks    RANK left by another launch") != std::string::npos);
  CHECK(sick.out.find('\x1b') == std::string::npos);
  CHECK(sick.err.find("19 checks: ") != std::string::npos);
}

TEST_CASE("Q2: doctor does not wait for a qstat that hangs") {
  const CommandLine shell;
  const Outcome hung = on_polaris(shell, "exec sleep 3600", "--patience 0.5 --json");
  CHECK(hung.exit == 5);
  const json document = json::parse(hung.out);
  CHECK(check_of(document, "scheduler").at("result") == "fail");
  CHECK(check_of(document, "scheduler").at("seen") == "'qstat -B -f -F json' did not answer within 0.5 s");
  CHECK(check_of(document, "TMPDIR").at("result") == "ok");
}

TEST_CASE("a configuration that is refused is a finding, and the other checks go on") {
  const CommandLine shell;
  const json document = json::parse(shell("llmrun doctor --set parallel.tensr=2 --json").out);
  CHECK(check_of(document, "configuration").at("result") == "fail");
  CHECK(check_of(document, "configuration").at("seen").get<std::string>().find("parallel.tensr") != std::string::npos);
  CHECK(check_of(document, "TMPDIR").at("result") == "ok");
}

TEST_CASE("I2: what a server says reaches a terminal without its escapes") {
  const CommandLine shell;
  const Outcome loud = on_polaris(shell, "printf 'qstat: \\033]52;c;aGk=\\007 no\\n' >&2; exit 1", "");
  CHECK(loud.exit == 5);
  CHECK(loud.out.find('\x1b') == std::string::npos);
  CHECK(loud.out.find("\\x1b]52") != std::string::npos);
}
