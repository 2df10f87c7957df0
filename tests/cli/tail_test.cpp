#include <algorithm>
#include <fstream>

#include "engine/core/json.h"
#include "tests/cli/command.h"
#include "tests/support/terminal.h"
#include "tests/support/test.h"

namespace llmrun {
namespace {

/// outputs/x as llmrun train leaves it: one attempt of three ranks, over where there is an exit code. `log`: the combined log.
void make_run(const CommandLine& shell, const std::string& log, const json& exit) {
  std::filesystem::create_directories(shell.path("outputs/x/logs/attempt-01"));
  shell.write("outputs/x/logs/all.log", log);
  const json attempt{{"number", 1},
                     {"id", "i"},
                     {"start", "2023-10-11T09:29:06Z"},
                     {"end", "2023-10-11T09:30:06Z"},
                     {"log", shell.path("outputs/x/logs/all.log")},
                     {"ranks", 3},
                     {"exit", exit}};
  const json record{
      {"version", 1},        {"name", "x"},          {"git", {{"sha", ""}, {"dirty", false}}}, {"versions", {{"llmrun", "0"}}},
      {"finished_steps", 0}, {"attempts", {attempt}}};
  shell.write("outputs/x/new.json", record.dump());
  std::filesystem::rename(shell.path("outputs/x/new.json"), shell.path("outputs/x/run.json"));
}

void make_rank_logs(const CommandLine& shell) {
  const auto write = [&](int rank, const std::string& text) {
    shell.write("outputs/x/logs/attempt-01/rank-0000" + std::to_string(rank) + ".log", text);
  };
  write(0, "2023-10-11 09:29:01.000 [rank 0] info begins\n2023-10-11 09:29:05.000 [rank 0] error broke\n  at layer 3\n");
  write(1, "2023-10-11 09:29:02.000 [rank 1] info begins\n2023-10-11 09:29:04.000 [rank 1] warning slow disk\n");
  write(2, "2023-10-11 09:29:03.000 [rank 2] info begins\n");
}

/// What a shell needs to reach a PBS server that is a folder.
std::string reach_pbs(const CommandLine& shell) {
  std::filesystem::create_directories(shell.path("pbs"));
  return "export FAKE_PBS=\"$PWD/pbs\" PATH='" LLMRUN_SOURCE_DIR "/tests/fakes/pbs':$PATH; ";
}

/// A job of outputs/x, in the queue and in the user's list; its id.
std::string queue_job(const CommandLine& shell, const std::string& options, const std::string& work) {
  std::filesystem::create_directories(shell.path("outputs/x"));
  std::filesystem::create_directories(shell.path(".local/state/llmrun"));
  shell.write("job.sh",
              "#!/bin/bash\n#PBS -N x\n#PBS -l select=1\n#PBS -l walltime=1:00:00\n#PBS -l filesystems=home\n#PBS -A datascience\n"
              "#PBS -q debug\n" +
                  work);
  std::string id = shell(reach_pbs(shell) + "qsub " + options + " job.sh").out;
  id.resize(id.find_last_not_of('\n') + 1);
  const json line{{"event", "submitted"},          {"job_id", id}, {"scheduler", "pbs"}, {"run", "x"}, {"dir", shell.path("outputs/x")},
                  {"time", "2023-10-11T09:29:06Z"}};
  std::ofstream(shell.path(".local/state/llmrun/jobs.jsonl"), std::ios::app) << line.dump() << "\n";
  return id;
}

/// A folder with llmrun and a rank that does what FAKE_RANK says: programs that are in one folder belong together. What a shell needs to
/// find it first.
std::string with_fake_rank(const CommandLine& shell) {
  std::filesystem::create_directory(shell.path("bin"));
  std::filesystem::copy_file(LLMRUN_PROGRAM, shell.path("bin/llmrun"));
  std::filesystem::copy_file(LLMRUN_SOURCE_DIR "/tests/fakes/llmrun-rank", shell.path("bin/llmrun-rank"));
  const std::string libraries = (std::filesystem::path(LLMRUN_PROGRAM).parent_path().parent_path() / "lib").string();
  return "export PATH='" + shell.path("bin") + "':$PATH LD_LIBRARY_PATH='" + libraries +
         "' LLMRUN_PROFILES='" LLMRUN_SOURCE_DIR "/profiles'; ";
}

const std::string kTrain =
    "llmrun train --set model=gpt-tiny --set run.name=x --set run.steps=9 --set machine=laptop --set machine.node.gpus=0 --ranks 1\n";

size_t controls(const std::string& text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && c != '\n' && c != '\t') || byte == 0x7F;
  }));
}

}  // namespace

TEST_CASE("tail merges ranks by time, and shows of them what is asked for") {
  const CommandLine shell;
  make_run(shell, "", 3);
  make_rank_logs(shell);
  const auto out = [&](const char* words) { return shell(std::string("TZ=UTC llmrun tail x ") + words).out; };
  CHECK(out("-r all") ==
        "[0] 2023-10-11 09:29:01.000 [rank 0] info begins\n"
        "[1] 2023-10-11 09:29:02.000 [rank 1] info begins\n"
        "[2] 2023-10-11 09:29:03.000 [rank 2] info begins\n"
        "[1] 2023-10-11 09:29:04.000 [rank 1] warning slow disk\n"
        "[0] 2023-10-11 09:29:05.000 [rank 0] error broke\n"
        "[0]   at layer 3\n");
  CHECK(out("-r all -n 2") == "[0] 2023-10-11 09:29:05.000 [rank 0] error broke\n[0]   at layer 3\n");
  CHECK(out("-r 0,2 --grep beg.ns") ==
        "[0] 2023-10-11 09:29:01.000 [rank 0] info begins\n[2] 2023-10-11 09:29:03.000 [rank 2] info begins\n");
  CHECK(out("-r 0 --level error") == "2023-10-11 09:29:05.000 [rank 0] error broke\n  at layer 3\n");
  CHECK(out("-r 1-2 --level warning") == "[1] 2023-10-11 09:29:04.000 [rank 1] warning slow disk\n");
  CHECK(out("-r 1 --since 2023-10-11T09:29:03Z") == "2023-10-11 09:29:04.000 [rank 1] warning slow disk\n");
  CHECK(out("-r 1 --since 1h") == "");
  for (const char* wrong : {"-r 3", "--level loud", "--grep [", "--since soon", "-n -1"})
    CHECK_MESSAGE(shell(std::string("llmrun tail x ") + wrong).exit == 2, wrong);
}

TEST_CASE("tail shows the last lines that were asked for, however far back, and not what a launcher says of an end") {
  const CommandLine shell;
  std::string log = "saved checkpoint\n";
  for (int step = 1; step <= 100; ++step) log += "step " + std::to_string(step) + "\n";
  const std::string frame(74, '-');
  log += frame + "\nPrimary job  terminated normally, but 1 process returned\na non-zero exit code.\n" + frame + "\n";
  for (int rank = 0; rank < 100; ++rank) log += "x3001c0s1b0n0: rank " + std::to_string(rank) + " exited with code 75\n";
  make_run(shell, log, 75);
  const Outcome last = shell("llmrun tail x -n 2");
  CHECK(last.out == "step 99\nstep 100\n");
  CHECK(last.err == "llmrun: attempt 1 of x ended with exit 75: stopped before its walltime, to be continued\n");
  CHECK(shell("llmrun tail x --grep saved").out == "saved checkpoint\n");
  CHECK(shell("llmrun tail x -n 3 --grep 'step 1.$'").out == "step 17\nstep 18\nstep 19\n");
  CHECK(shell("llmrun tail x -n 0").out.empty());
  CHECK(shell("llmrun tail x -n 1 --raw").out == "x3001c0s1b0n0: rank 99 exited with code 75\n");
  CHECK(shell("llmrun tail x -n 1 --json").out.find("rank 99 exited") != std::string::npos);
}

TEST_CASE("tail --json is an object a line, with what happens to the run between them") {
  const CommandLine shell;
  make_run(shell, "", 3);
  make_rank_logs(shell);
  const Outcome outcome = shell("llmrun tail x -r 1 --json");
  CHECK(outcome.exit == 3);
  std::vector<json> lines;
  for (size_t begin = 0, end; (end = outcome.out.find('\n', begin)) != std::string::npos; begin = end + 1)
    lines.push_back(json::parse(outcome.out.substr(begin, end - begin)));
  REQUIRE(lines.size() == 4);
  for (const json& line : lines) CHECK(line["version"] == 1);
  CHECK(lines[0]["event"] == "attempt_begins");
  CHECK(lines[2]["rank"] == 1);
  CHECK(lines[2]["attempt"] == 1);
  CHECK(lines[2]["time"] == "2023-10-11 09:29:04.000");
  CHECK(lines[2]["level"] == "warning");
  CHECK(lines[2]["text"] == "2023-10-11 09:29:04.000 [rank 1] warning slow disk");
  CHECK(lines[3]["event"] == "attempt_ended");
  CHECK(lines[3]["exit"] == 3);
}

TEST_CASE("I2: what a log says cannot move a terminal, unless --raw asks for that") {
  const CommandLine shell;
  const std::string evil =
      "\x1b[2J\x1b]52;c;aGk=\x07 \r\x08 \xc2\x9b 31m \xe2\x80\xae txt \x9b"
      "5m torn \xe2\x82";
  make_run(shell, evil + "\n\ttab and caf\xc3\xa9\n", 0);
  const std::string shown = shell("llmrun tail x").out;
  CHECK(controls(shown) == 0);
  CHECK(shown ==
        "\\x1b[2J\\x1b]52;c;aGk=\\x07 \\x0d\\x08 \\xc2\\x9b 31m \\xe2\\x80\\xae txt \\x9b5m torn \\xe2\\x82\n\ttab and caf\xc3\xa9\n");
  CHECK(shell("llmrun tail x --raw").out.starts_with(evil));
  CHECK(controls(shell("llmrun tail x --json").out) == 0);
}

TEST_CASE("levels have colours where they are asked for, and there alone") {
  const CommandLine shell;
  make_run(shell, "", 0);
  make_rank_logs(shell);
  CHECK(shell("llmrun tail x -r 1 -n 1 --color always").out == "2023-10-11 09:29:04.000 [rank 1] \x1b[33mwarning\x1b[0m slow disk\n");
  CHECK(controls(shell("llmrun tail x -r 1").out) == 0);
}

TEST_CASE("tail ends, quietly, when nobody reads any more, though the run goes on") {
  const CommandLine shell;
  make_run(shell, "first\n", json());
  const Outcome outcome = shell("exec 9> outputs/x/.lock; flock -x 9; (llmrun tail x; echo $? > code) | head -1");
  CHECK(outcome.out == "first\n");
  CHECK(outcome.err == "");
  CHECK(shell.read("code") == "141\n");  // as by SIGPIPE
}

TEST_CASE("a queued job is waited for on one line of a terminal, then its logs come") {
  const CommandLine shell;
  const std::string reach = reach_pbs(shell);
  queue_job(shell, "", "true\n");
  Terminal terminal(shell.script(reach + "cd /; exec llmrun tail 1"));  // from anywhere
  REQUIRE_MESSAGE(terminal.wait_for("x: job 1 waits in debug: Not Running"), terminal.last_words());
  make_run(shell, "hello from the run\n", 0);
  CHECK(terminal.wait_for("attempt 1 of x begins"));
  CHECK(terminal.wait() == 0);
  CHECK(terminal.screen().find("hello from the run\r\n") != std::string::npos);
  CHECK(terminal.screen().find("\r\x1b[Kllmrun: attempt 1 of x begins") != std::string::npos);  // the line that waited is gone
}

TEST_CASE("away from a terminal a wait is a plain line, and SIGINT leaves the job alone") {
  const CommandLine shell;
  const std::string reach = reach_pbs(shell);
  queue_job(shell, "", "true\n");
  const Outcome outcome = shell(reach +
                                "(until grep -qs waits said; do sleep 0.05; done; kill -INT $(cat pid)) & sh -c 'echo $$ > pid; exec "
                                "llmrun tail x' 2> said; echo $?");
  CHECK(outcome.out == "130\n");
  const std::string said = shell.read("said");
  CHECK(said.starts_with("x: job 1 waits in debug: Not Running"));
  CHECK(said.find('\n') == said.find("\nllmrun: x goes on without us"));  // one line, and nothing to erase it
  CHECK(controls(said) == 0);
}

TEST_CASE("T1: a chain of jobs is followed from its place in the queue over a failed attempt to the last exit code") {
  const CommandLine shell;
  const std::string reach = reach_pbs(shell);
  shell.write("pbs/run", "localhost\n");
  shell.write("pbs/profile", with_fake_rank(shell));
  const auto attempt = [&](const std::string& rank) {
    return "cd '" + shell.path("") + "'; unset PBS_NODEFILE PBS_JOBID; FAKE_RANK=" + rank + " " + kTrain;
  };
  const std::string first = queue_job(shell, "-h", attempt("die=0,9"));
  queue_job(shell, "-W depend=afterany:" + first, attempt("steps=9"));
  Terminal terminal(shell.script(reach + "cd /; exec llmrun tail x"));
  REQUIRE_MESSAGE(terminal.wait_for("x: job 1 is held"), terminal.last_words());
  CHECK(shell(reach + "qrls 1").exit == 0);
  CHECK_MESSAGE(terminal.wait_for("attempt 1 of x ended with exit 137: signal 9"), terminal.last_words());
  CHECK_MESSAGE(terminal.wait_for("attempt 2 of x begins"), terminal.last_words());
  CHECK(terminal.wait() == 0);
  CHECK(terminal.screen().find("rank 0 is done\r\n") != std::string::npos);
}

TEST_CASE("K3: Ctrl-C leaves tail with 130 and the run alone; tail -f of the last of logfiles shows the same lines") {
  const CommandLine shell;
  const std::string words = with_fake_rank(shell);
  Terminal run(shell.script(words + "export FAKE_RANK=wait; exec " + kTrain));
  REQUIRE_MESSAGE(run.wait_for("rank 0 waits"), run.last_words());
  Terminal other(shell.script("exec tail -f $(tail -1 logfiles)"));
  CHECK_MESSAGE(other.wait_for("rank 0 waits"), other.last_words());
  Terminal tail(shell.script(words + "exec llmrun tail"));
  REQUIRE_MESSAGE(tail.wait_for("rank 0 waits"), tail.last_words());
  tail.type("\x03");
  CHECK(tail.wait() == 130);
  CHECK(tail.screen().find("x goes on without us") != std::string::npos);
  CHECK(::kill(run.pid(), 0) == 0);
  Terminal again(shell.script(words + "exec llmrun tail x"));
  REQUIRE(again.wait_for("rank 0 waits"));
  run.type("\x03");
  run.type("\x03");
  CHECK(run.wait() == 130);
  CHECK(again.wait() == 130);  // as the run
}

TEST_CASE("tail bears 4096 logs under the usual limits, without losing a line") {
  const CommandLine shell;
  const Outcome outcome =
      shell("python3 '" LLMRUN_SOURCE_DIR "/tests/reference/tail_load.py' \"$(command -v llmrun)\" --ranks 4096 --rate 20 --seconds 2");
  REQUIRE_MESSAGE(outcome.exit == 0, outcome.err);
  const json found = json::parse(outcome.out);
  CHECK(found["written"].get<int64_t>() > 300'000);
  CHECK(found["shown"] == found["written"]);
  CHECK(found["descriptors"] < 1024);
#ifndef __SANITIZE_ADDRESS__  // which keeps a shadow of memory, and what was freed
  CHECK(found["rss_mb"] < 100);
#endif
}

}  // namespace llmrun
