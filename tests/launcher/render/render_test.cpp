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
  CHECK_THROWS_AS(built_in_template("local/other"), Error);
}

TEST_CASE("what is wrong with a template is told with its line, all of it at once") {
  const json values{{"job", {{"name", "x"}, {"queue", nullptr}}}, {"environment", {{{"name", "A"}, {"value", "1"}}}}};
  struct Row {
    const char* text;
    const char* told;  // "LINE:COLUMN what; hint" of each complaint
  };
  const Row rows[] = {
      {"\n {{> part}}", "2:2 partials are not known here: 'part'; write what it holds in its place"},
      {"{{=<% %>=}}", "1:1 other delimiters than '{{' and '}}' are not known here; '{{{name}}}' is raw, '{{name}}' is quoted"},
      {"a\n{{#job.queue}} b\n", "2:1 section 'job.queue' is not closed; '{{/job.queue}}' closes it"},
      {"a {{/job.name}}", "1:3 no section 'job.name' is open here; '{{#job.name}}' opens it"},
      {"{{#job}}{{#environment}}{{/job}}", "1:9 section 'environment' is not closed; '{{/environment}}' closes it"},
      {"{{job.name\n{{job.name}}", "1:1 a tag is not closed; '}}' closes it"},
      {"{{{job.name}} {{job.name}}", "1:1 a tag is not closed; '}}}' closes it"},
      {"{{job.name", "1:1 a tag is not closed; '}}' closes it"},
      {"{{}}", "1:1 '' is no name of a value; letters, digits, '_' and '.'"},
      {" \n", "0:0 the template is empty; templates/README.md says what it must hold"},
      {"a\nb {{job.nam}}{{job.nam}}", "2:3 template 'test' asks for 'job.nam', which has no value; did you mean 'job.name'?"},
      {"{{#zork}}{{/zork}}",
       "1:1 template 'test' asks for 'zork', which has no value; there are environment, job.name, job.queue, name, value"},
      {"{{#environment}}{{name}}{{/environment}}\n{{environment}}",
       "2:1 'environment' has many values, and is asked for as if it were one; '{{#environment}} ... {{/environment}}' goes through them"},
      {"{{zork}} {{{job}}}",
       "1:1 template 'test' asks for 'zork', which has no value; there are environment, job.name, job.queue, name, value\n"
       "1:10 'job' has many values, and is asked for as if it were one; '{{#job}} ... {{/job}}' goes through them"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    std::string told;
    try {
      filled(row.text, values);
    } catch (const Error& error) {
      CHECK(error.code() == Exit::config);
      for (const Complaint& complaint : error.complaints())
        told += fmt::format("{}{}:{} {}; {}", told.empty() ? "" : "\n", complaint.at->line, complaint.at->column, complaint.what,
                            complaint.hint);
    }
    CHECK(told == std::string(row.told));
  }
  CHECK(filled("{{! a comment of\ntwo lines, {{ }}{{#environment}}{{name}}={{{value}}}{{/environment}}", values) == "A=1");
}

}  // namespace llmrun
