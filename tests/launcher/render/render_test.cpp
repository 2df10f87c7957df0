#include <array>
#include <cstdio>

#include "launcher/render/job_script.h"
#include "launcher/render/shell.h"
#include "launcher/render/template.h"
#include "tests/support/test.h"

namespace llmrun {
namespace {

// I1: strings that some shell, some day, did something with.
const std::vector<std::string> kHostile{"plain",       "",
                                        " ",           "two words",
                                        "'",           "''",
                                        "\"",          "$(touch /tmp/x)",
                                        "`id`",        "$HOME",
                                        "${IFS}",      "a;b",
                                        "a&b",         "a|b",
                                        "a>b",         "a<b",
                                        "*",           "?",
                                        "[a]",         "~",
                                        "#not",        "!!",
                                        "\\",          "\\n",
                                        "line\nfeed",  "tab\tin",
                                        "-rf",         "--help",
                                        "a\rb",        "caf\xC3\xA9",
                                        "\x1b[31mred", "{a,b}",
                                        "(sub)",       "%s%n",
                                        "a=b",         "'; rm -rf /; '",
                                        "\xff\xfe"};

/// What `sh` makes of a line that ends in printf: each argument, with a NUL behind it.
std::string said_by_shell(const std::string& words) {
  const std::string script = "printf '%s\\0' " + words;
  std::FILE* pipe = ::popen(script.c_str(), "r");
  REQUIRE(pipe != nullptr);
  std::string said;
  for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) said += static_cast<char>(c);
  CHECK(::pclose(pipe) == 0);
  return said;
}

}  // namespace

TEST_CASE("I1: a quoted word reaches the program as it was, byte for byte") {
  std::string expected;
  for (const std::string& word : kHostile) expected += word + '\0';
  CHECK(said_by_shell(shell_line(kHostile)) == expected);
}

TEST_CASE("I1: a template quotes by itself") {
  std::string expected;
  for (const std::string& word : kHostile) expected += word + '\0';
  CHECK(said_by_shell(render_template("{{#words}} {{.}}{{/words}}", {{"words", kHostile}}, "test")) == expected);
}

TEST_CASE("harmless words stay bare") {
  CHECK(shell_line({"mpiexec", "--np=8", "/a/b-c_d.e", "x@y:z,w+%"}) == "mpiexec --np=8 /a/b-c_d.e x@y:z,w+%");
}

TEST_CASE("a name without a value is an error, not a hole") {
  const json values{{"a", "1"}, {"list", json::array()}, {"off", nullptr}};
  CHECK(render_template("{{a}}{{#list}}x{{/list}}{{#off}}y{{/off}}{{^off}}z{{/off}}", values, "test") == "1z");
  CHECK_THROWS_WITH_AS(render_template("{{a}} {{b}}", values, "test"), "template 'test' asks for 'b', which has no value", Error);
  CHECK_THROWS_AS(render_template("{{#gone}}x{{/gone}}", values, "test"), Error);
  CHECK_THROWS_AS(render_template("{{a", values, "test"), Error);
  CHECK_THROWS_AS(built_in_template("local/other"), Error);
}

TEST_CASE("I1: no value of a job becomes a directive or a line") {
  Plan plan;
  plan.dir = "/runs/x";
  plan.hosts = {{"node-1", 4}};
  plan.config.machine.scheduler = "pbs";
  for (const std::string& word : kHostile) {
    CAPTURE(word);
    plan.name = "x";
    plan.config.job.account = "P";
    CHECK(pbs_job_script(plan, "/bin/llmrun").find("#PBS -A P\n") != std::string::npos);
    plan.config.job.account = word;
    std::string script;
    try {
      script = pbs_job_script(plan, "/bin/llmrun");
    } catch (const Error& error) {
      CHECK(error.code() == Exit::config);
      continue;
    }
    CHECK((word.empty() || script.find("#PBS -A " + word + "\n") != std::string::npos));
    CHECK(word.find_first_of("\n $`;&|<>'\"\\") == std::string::npos);
  }
}

TEST_CASE("the job script of a PBS machine") {
  Plan plan;
  plan.name = "gpt-13b";
  plan.dir = "/eagle/my project/outputs/gpt-13b";
  for (int node = 1; node <= 10; ++node) plan.hosts.push_back({fmt::format("node-{}", node), 4});
  plan.config.machine.profile = "polaris";
  plan.config.machine.filesystems = {"home", "eagle"};
  plan.config.machine.environment = {{"TMPDIR", "/tmp"}};
  plan.config.job.queue = "prod";
  plan.config.job.account = "P";
  plan.config.job.walltime_s = 5400;
  CHECK(pbs_job_script(plan, "/opt/bin/llmrun") ==
        R"(#!/bin/bash
#PBS -N gpt-13b
#PBS -l select=10:system=polaris
#PBS -l place=scatter
#PBS -l walltime=01:30:00
#PBS -l filesystems=home:eagle
#PBS -q prod
#PBS -A P
#PBS -k doe
export LLMRUN_STARTED_AT=$(date +%s)
cd '/eagle/my project/outputs/gpt-13b' || exit 3
export TMPDIR=/tmp
exec /opt/bin/llmrun train '/eagle/my project/outputs/gpt-13b/config.yaml' --set 'run.dir=/eagle/my project/outputs/gpt-13b'
)");
}

}  // namespace llmrun
