#include <array>
#include <cstdio>

#include "launcher/render/shell.h"
#include "launcher/render/template.h"
#include "tests/launcher/render/hostile.h"
#include "tests/support/test.h"

namespace llmrun {
namespace {

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

std::string filled(const std::string& text, const json& values) { return render_template({text, "test"}, values); }

}  // namespace

TEST_CASE("I1: a quoted word reaches the program as it was, byte for byte") {
  std::string expected;
  for (const std::string& word : kHostile) expected += word + '\0';
  CHECK(said_by_shell(shell_line(kHostile)) == expected);
}

TEST_CASE("I1: a template quotes by itself") {
  std::string expected;
  for (const std::string& word : kHostile) expected += word + '\0';
  CHECK(said_by_shell(filled("{{#words}} {{.}}{{/words}}", {{"words", kHostile}})) == expected);
}

TEST_CASE("harmless words stay bare") {
  CHECK(shell_line({"mpiexec", "--np=8", "/a/b-c_d.e", "x@y:z,w+%"}) == "mpiexec --np=8 /a/b-c_d.e x@y:z,w+%");
}

TEST_CASE("a name without a value is an error, not a hole") {
  const json values{{"a", "1"}, {"list", json::array()}, {"off", nullptr}};
  CHECK(filled("{{a}}{{#list}}x{{/list}}{{#off}}y{{/off}}{{^off}}z{{/off}}", values) == "1z");
  CHECK_THROWS_WITH_AS(filled("{{a}} {{b}}", values), "template 'test' asks for 'b', which has no value", Error);
  CHECK_THROWS_AS(filled("{{#gone}}x{{/gone}}", values), Error);
  CHECK_THROWS_AS(filled("{{a", values), Error);
  CHECK_THROWS_AS(built_in_template("local/other"), Error);
}

}  // namespace llmrun
