#pragma once
#include <sys/stat.h>

#include "tests/cli/command.h"

namespace llmrun {

/// A directory that a person types in: runs of several names, files, a job and a sweep's member that were queued elsewhere, and `words`, a
/// program that prints the words it gets, each in angle brackets, and then a full stop.
class Workplace : public CommandLine {
 public:
  Workplace() {
    for (const char* run : {"kjv-run", "king james", "alpha:1", "it's"}) {
      std::filesystem::create_directories(path(std::string("outputs/") + run));
      write(std::string("outputs/") + run + "/run.json",
            R"({"version":1,"name":"a","git":{"sha":"","dirty":false},"versions":{"llmrun":"0"},"finished_steps":0,"attempts":[)"
            R"({"number":1,"id":"a","start":"2023-10-11T09:29:06Z","end":"","log":"","ranks":4,"exit":null}]})");
      write(std::string("outputs/") + run + "/hostfile", "x3001c0s1b0n0 slots=2\nx3001c0s7b0n0 slots=2\n");
    }
    std::filesystem::create_directories(path(".local/state/llmrun"));
    std::string jobs;
    for (const auto& [id, run] : {std::pair{"1126584.polaris", "queued-run"}, {"7[0].polaris", "sw/lr=1,seed=2"}})
      jobs += std::string(R"({"event":"submitted","job_id":")") + id + R"(","scheduler":"pbs","run":")" + run +
              R"(","dir":"/d","time":"2023-10-11T09:29:06Z"})" + "\n";
    write(".local/state/llmrun/jobs.jsonl", jobs);
    std::filesystem::create_directories(path("deep/x=1"));
    for (const char* file : {"deep/run.yaml", "deep/x=1/tokens.bin", "mine.yaml", "hosts.txt", "my text.bin"}) write(file, "");
    write("words", "#!/bin/sh\nprintf '<%s>' \"$@\"\necho .\n");
    ::chmod(path("words").c_str(), 0755);
  }

  /// What `llmrun __complete` says at the end of `line`.
  std::string offered(const std::string& line, const std::string& options = "") const {
    return (*this)("llmrun __complete " + options + " -- " + quoted(line)).out;
  }
  /// The same without what stands beside the words.
  std::string words_offered(const std::string& line, const std::string& options = "") const {
    std::string words;
    std::istringstream lines(offered(line, options));
    for (std::string each; std::getline(lines, each);) words += each.substr(0, each.find('\t', 1)) + "\n";
    return words;
  }

 private:
  static std::string quoted(const std::string& text) {
    std::string out = "'";
    for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return out + "'";
  }
};

}  // namespace llmrun
