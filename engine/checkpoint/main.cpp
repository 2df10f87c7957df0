// llmrun-checkpoint: looks at checkpoints and exports them, without LibTorch. `llmrun checkpoint` finds the run and becomes this program.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>

#include "engine/checkpoint/directory.h"
#include "engine/checkpoint/export.h"
#include "engine/checkpoint/inspect.h"
#include "engine/core/command_line/harmless.h"
#include "engine/core/command_line/help.h"
#include "engine/core/command_line/numbers.h"
#include "engine/core/command_line/told_error.h"
#include "engine/core/command_line/usage.h"
#include "engine/core/file_modes.h"
#include "engine/core/system_error.h"
#include "engine/core/units.h"

namespace llmrun {
namespace {

namespace fs = std::filesystem;

struct Options {
  std::string run;
  std::optional<int64_t> step;
  std::string to;
  std::string dtype = "fp32";
  bool json = false;
};

void print(std::FILE* file, std::string_view text) { std::fwrite(text.data(), 1, text.size(), file); }

Exit print_json(json document) {
  json versioned{{"version", 1}};
  versioned.update(document);
  print(stdout, versioned.dump(2, ' ', /*ensure_ascii=*/true, json::error_handler_t::replace) + "\n");
  return Exit::done;
}

std::string layout_text(const Layout& layout) {
  std::string text;
  for (const Axis axis : kAxes)
    if (layout.size(axis) > 1) text += fmt::format("{}{} {}", text.empty() ? "" : " x ", axis_name(axis), layout.size(axis));
  return text.empty() ? "1 rank" : text;
}

/// One line that is written over, on a terminal only.
class ProgressLine {
 public:
  explicit ProgressLine(std::string what) : what_(std::move(what)), shown_(::isatty(STDERR_FILENO) == 1) {}
  ~ProgressLine() {
    if (percent_ >= 0) print(stderr, "\r\x1b[K");
  }
  void operator()(int64_t done, int64_t total) {
    const int64_t percent = total > 0 ? 100 * done / total : 100;
    if (!shown_ || percent == percent_) return;
    percent_ = percent;
    print(stderr, fmt::format("\r{} {}% of {}", what_, percent, human_bytes(static_cast<double>(total))));
  }

 private:
  std::string what_;
  bool shown_;
  int64_t percent_ = -1;
};

CheckpointReader open_chosen(const Options& options) {
  std::vector<std::string> notes;
  const fs::path directory = chosen_checkpoint(checkpoints_of(options.run), options.step, notes);
  for (const std::string& note : notes) print(stderr, harmless(fmt::format("llmrun: {}\n", note)));
  return CheckpointReader(directory);
}

Exit list(const Options& options) {
  const std::vector<CheckpointSummary> checkpoints = list_checkpoints(checkpoints_of(options.run));
  if (options.json) {
    json lines = json::array();
    for (const CheckpointSummary& one : checkpoints) lines.push_back(to_json(one));
    return print_json({{"checkpoints", lines}});
  }
  for (const CheckpointSummary& one : checkpoints)
    print(stdout, harmless(fmt::format("{:<16} {:<20} {:>10}  {}\n", one.name, one.time.empty() ? "-" : one.time,
                                       one.bytes > 0 ? human_bytes(static_cast<double>(one.bytes)) : "-",
                                       one.problem.empty() ? layout_text(one.layout) : "not usable: " + one.problem)));
  return Exit::done;
}

Exit show(const Options& options) {
  const CheckpointReader reader = open_chosen(options);
  if (options.json) return print_json(summary_json(reader));
  const Snapshot& snapshot = reader.snapshot();
  const ModelShape& model = snapshot.model;
  print(stdout,
        harmless(fmt::format("{}\n  step      {}, after {} samples, seed {}\n  saved     {} by {}\n", reader.directory().string(),
                             snapshot.step, snapshot.samples, snapshot.seed, reader.manifest().time, layout_text(snapshot.layout))));
  print(stdout,
        fmt::format("  model     {} parameters: layers {}, hidden {}, heads {}, vocabulary {}\n",
                    human_count(static_cast<double>(parameter_count(model))), model.layers, model.hidden, model.heads, model.vocab));
  print(stdout, fmt::format("  on disk   {} in {} files: fp32 weights and both Adam moments\n",
                            human_bytes(static_cast<double>(reader.manifest().bytes())), reader.manifest().files.size()));
  return Exit::done;
}

/// Why a checkpoint is damaged; empty when every checksum holds.
std::string verified(const fs::path& directory) {
  ProgressLine progress("checking " + directory.filename().string());
  try {
    CheckpointReader(directory).verify(std::ref(progress));
    return "";
  } catch (const Error& error) {
    return error.what();
  }
}

std::string remedy(const std::string& name, const Options& options) {
  return fmt::format("a run goes on from the newest one that is whole: llmrun checkpoint list {}; to be rid of this one: rm -r '{}'",
                     options.run, (checkpoints_of(options.run) / name).string());
}

Exit verify(const Options& options) {
  const fs::path checkpoints = checkpoints_of(options.run);
  std::vector<int64_t> steps = steps_in(checkpoints);
  std::vector<std::string> notes;
  if (options.step) chosen_checkpoint(checkpoints, options.step, notes), steps = {*options.step};
  if (steps.empty()) throw Error(Exit::no_checkpoint, "'{}' has no checkpoint yet", checkpoints.string());
  json lines = json::array();
  std::vector<Complaint> complaints;
  for (const int64_t step : steps) {
    const std::string name = step_directory_name(step), problem = verified(checkpoints / name);
    lines.push_back({{"name", name}, {"step", step}, {"complete", problem.empty()}});
    if (!problem.empty()) {
      lines.back()["problem"] = problem;
      complaints.push_back({fmt::format("checkpoint '{}' is damaged: {}", name, problem), {}, {}, remedy(name, options)});
    } else if (!options.json) {
      print(stdout, fmt::format("{} every checksum holds\n", name));
    }
  }
  json document{{"checkpoints", lines}};
  Exit exit = Exit::done;
  if (!complaints.empty()) {
    exit = complaints.size() == steps.size() ? Exit::no_checkpoint : Exit::failed;
    const Error error(exit, std::move(complaints));
    document.update(error_json(error));
    tell_error(error, /*as_json=*/false);  // on stdout it stands beside the good ones
  }
  if (options.json) print_json(document);
  return exit;
}

Exit export_run(const Options& options) {
  const CheckpointReader reader = open_chosen(options);
  ProgressLine progress("exporting");
  const ExportReport report = export_huggingface(
      reader, options.to, {.dtype = options.dtype == "bf16" ? ExportDtype::bf16 : ExportDtype::fp32}, std::ref(progress));
  if (options.json)
    return print_json({{"from", reader.directory().string()},
                       {"step", reader.snapshot().step},
                       {"to", fs::absolute(options.to).lexically_normal().string()},
                       {"dtype", options.dtype},
                       {"tensors", report.tensors},
                       {"parameters", report.parameters},
                       {"files", report.files},
                       {"bytes", report.bytes}});
  print(stdout,
        harmless(fmt::format("{}: {} parameters of step {}, {}, {}\n", options.to, human_count(static_cast<double>(report.parameters)),
                             reader.snapshot().step, options.dtype, human_bytes(static_cast<double>(report.bytes)))));
  return Exit::done;
}

/// Each leaves its end in `exit`.
void add_commands(CLI::App& app, Options& options, Exit& exit) {
  const auto add = [&](const char* name, const char* help, Exit (*run)(const Options&)) {
    CLI::App* command = app.add_subcommand(name, help);
    command->add_option("run", options.run, "Run directory")->required();
    command->add_flag("--json", options.json, "Data as JSON, errors too");
    command->callback([&options, &exit, run] { exit = run(options); });
    return command;
  };
  add("list", "Name a run's checkpoints, newest first", list);
  CLI::App* with_step[] = {add("show", "Say what a checkpoint holds", show),
                           add("verify", "Read every byte and hold it to its checksum", verify),
                           add("export", "Write the weights as Hugging Face's transformers reads them", export_run)};
  for (CLI::App* command : with_step)
    command->add_option("--step", options.step, "This step; without: the newest usable one (verify: all)");
  with_step[2]->add_option("--to", options.to, "A new directory")->required();
  with_step[2]->add_option("--dtype", options.dtype, "fp32 or bf16")->check(CLI::IsMember({"fp32", "bf16"}))->capture_default_str();
  app.require_subcommand(1);
}

int run(int argc, char** argv) {
  keep_others_from_writing();
  CLI::App app("Look at llmrun's checkpoints and export them", fs::path(argv[0]).filename().string());
  app.formatter(std::make_shared<Help>(help_width()));
  Options options;
  Exit exit = Exit::done;
  add_commands(app, options, exit);
  check_numbers(app);
  try {
    app.parse(argc, argv);
    check_stdout();
    return static_cast<int>(exit);
  } catch (const CLI::Success& asked) {
    return app.exit(asked);
  } catch (const CLI::ParseError& failure) {
    return tell_error(usage_error(app, failure), asks_for_json(argc, argv));
  } catch (const std::exception& failure) {
    return tell_error(as_error(failure), options.json);
  }
}

}  // namespace
}  // namespace llmrun

int main(int argc, char** argv) { return llmrun::run(argc, argv); }
