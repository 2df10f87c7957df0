#include "launcher/process/subprocess.h"

#include <poll.h>

#include <filesystem>
#include <fstream>

#include "engine/core/error.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/test.h"

namespace llmrun {
namespace {

Command shell(const std::string& script) { return {{"sh", "-c", script}, Variables::of_this_process()}; }

ExitStatus run(const std::string& script, std::string& output) {
  Subprocess child(shell(script));
  while (child.output() >= 0) {
    pollfd wait{child.output(), POLLIN, 0};
    ::poll(&wait, 1, -1);
    child.read_output(output);
  }
  pollfd ended{child.exited(), POLLIN, 0};
  ::poll(&ended, 1, -1);
  REQUIRE(child.reap());
  return *child.status();
}

}  // namespace

TEST_CASE("a child's output arrives whole, and its end is known") {
  std::string output;
  CHECK(run("echo out; echo err >&2; exit 7", output).code == 7);
  CHECK(output == "out\nerr\n");
  output.clear();
  CHECK(run("yes x | head -c 1000000", output).clean());
  CHECK(output.size() == 1'000'000);
  CHECK(run("kill -9 $$", output).signal == 9);
  CHECK(run("kill -9 $$", output).exit_code() == 137);
}

TEST_CASE("a child reads nothing and sits in a session of its own") {
  std::string output;
  CHECK(run("cat; test \"$(ps -o sid= -p $$ | tr -d ' ')\" = $$", output).clean());
}

TEST_CASE("where nobody says a PATH, a child has the one that it was found by") {
  CHECK(capture({{"env"}, Variables()}, std::chrono::seconds(60)) == "PATH=/usr/bin:/bin\n");
  CHECK(capture({{"/usr/bin/env"}, Variables(std::map<std::string, std::string>{{"PATH", "/nowhere"}})}, std::chrono::seconds(60)) ==
        "PATH=/nowhere\n");
}

TEST_CASE("a program that is not there is an error here, not an exit code there") {
  const auto refused = [](const std::string& program) {
    try {
      Subprocess({{program}, Variables::of_this_process()});
    } catch (const Error& error) {
      CHECK(error.code() == Exit::preflight);
      return error.complaints()[0].what + "; " + error.complaints()[0].hint;
    }
    return std::string();
  };
  CHECK(refused("/no/such/program") == "cannot run '/no/such/program': no such file; ls -l '/no/such/program', on every host");
  CHECK(refused("no-such-program") == "cannot run 'no-such-program': no such program on the PATH; command -v no-such-program");
  CHECK(refused("/usr/bin") == "cannot run '/usr/bin': it is a directory; name the program in it");
  const TemporaryDirectory at;
  const std::string script = (at.path() / "script").string();
  std::ofstream(script) << "echo\n";
  CHECK(refused(script) == fmt::format("cannot run '{0}': it is not executable; chmod +x '{0}'", script));
  std::filesystem::permissions(script, std::filesystem::perms::owner_all);
  CHECK(refused(script).find("Exec format error; a script names its interpreter in line 1") != std::string::npos);
  std::ofstream(script) << "#!/no/such/interpreter\n";
  CHECK(refused(script).find(fmt::format("No such file or directory; the interpreter in its line 1 is not there: head -1 '{}'", script)) !=
        std::string::npos);
}

TEST_CASE("capture gives the output of what succeeds in time, and nothing else") {
  CHECK(capture(shell("echo hello"), std::chrono::seconds(60)) == "hello\n");
  CHECK(!capture(shell("echo hello; exit 1"), std::chrono::seconds(60)));
  CHECK(!capture(shell("sleep 1000"), std::chrono::milliseconds(50)));
  CHECK(capture(shell("yes x"), std::chrono::seconds(60), 4) == "x\nx\n");
  CHECK(capture({.argv = {"sh", "-c", "echo out; echo err >&2"}, .environment = Variables::of_this_process(), .drop_errors = true},
                std::chrono::seconds(60)) == "out\n");
  CHECK(!capture({{"no-such-program"}, Variables::of_this_process()}, std::chrono::seconds(1)));
}

TEST_CASE("a child may be told to ignore a signal, and else has none that is ignored") {
  Command command{{"sh", "-c", "kill -USR1 $$; echo lives"}, Variables::of_this_process()};
  CHECK(!capture(command, std::chrono::milliseconds(10'000)));
  command.ignores = SIGUSR1;
  CHECK(capture(command, std::chrono::milliseconds(10'000)) == "lives\n");
}

}  // namespace llmrun
