#pragma once
#include <string>

#include "engine/core/json.h"
#include "tests/cli/command.h"

namespace llmrun {

inline const std::string kServer = ".polaris-pbs-01.hsn.cm.polaris.alcf.anl.gov";
/// The answers that all processes share.
inline const std::string kAnswers = ".local/state/llmrun/status-pbs-" + kServer.substr(1) + ".json";

/// llmrun on a Polaris login node, beside a PBS server that is a folder (tests/fakes/pbs).
class Polaris : public CommandLine {
 public:
  Polaris() { std::filesystem::create_directory(path("pbs")); }
  Outcome operator()(const std::string& words) const {
    return CommandLine::operator()("export FAKE_PBS=\"$PWD/pbs\" PATH='" LLMRUN_SOURCE_DIR "/tests/fakes/pbs':$PATH; " + words);
  }
  Outcome submit(const std::string& name) const {
    return (*this)(
        "llmrun submit --set machine=polaris --set model=gpt-1.5b --set run.steps=100 --set job.nodes=2 --set parallel.tensor=8 " +
        std::string("--set job.account=datascience --set job.walltime=1:00:00 --set job.queue=debug --set run.name=") + name);
  }
  void fault(const std::string& word) const { write("pbs/fault", word); }
  /// As if what was answered until now were from 1970: old, but not lost.
  void let_answers_age() const {
    std::string text = read(kAnswers);
    const std::string mark = "\"as_of\":";
    for (size_t at = text.find(mark); at != std::string::npos; at = text.find(mark, at + 1)) {
      const size_t begin = at + mark.size(), end = text.find_first_not_of("0123456789", begin);
      text.replace(begin, end - begin, "1000");
    }
    write(kAnswers, text);
  }
  int questions() const {
    int count = 0;
    std::istringstream calls(read("pbs/calls.jsonl"));
    for (std::string line; std::getline(calls, line);) count += json::parse(line).at("argv").at(0) == "qstat" ? 1 : 0;
    return count;
  }
};

/// Whether nothing in it could steer a terminal or make text read otherwise than it is.
inline bool harmless(const std::string& text) {
  for (const std::string bad : {"\x1b", "\x07", "\r", "\x08", "\x7f", "\xc2\x9b", "\xe2\x80\xae", "\xe2\x81\xa6"})
    if (text.find(bad) != std::string::npos) return false;
  return true;
}

}  // namespace llmrun
