#include <CLI/CLI.hpp>
#include <memory>

#include "cli/commands/commands.h"
#include "cli/context.h"
#include "engine/core/json.h"
#include "launcher/scheduler/queued_job.h"
#include "launcher/scheduler/scheduler.h"

namespace llmrun::cli {
namespace {

void cancel(const std::string& word, Context& context) {
  const Variables environment = Variables::of_this_process();
  const QueuedJob job = find_job(read_jobs(job_list_file(environment)), word);
  make_scheduler(job.scheduler, environment)->cancel(job.id);
  if (context.json)
    context.out().print("{}\n", json{{"version", 1}, {"run", job.run}, {"job_id", job.id}}.dump(2));
  else
    context.talk().print("Cancelled {} of {}. Its checkpoints stay; the same submit goes on from the last one.\n", printable(job.id),
                         printable(job.run));
}

}  // namespace

void add_cancel(CLI::App& app, Context& context) {
  auto word = std::make_shared<std::string>();
  auto* command = app.add_subcommand("cancel", "Take a queued or running job back");
  command->add_option("job", *word, "Run name, directory, job id or 'last'")->required()->type_name("RUN");
  command->footer("Examples:\n  llmrun cancel my-run\n  llmrun cancel 1126584");
  command->callback([=, &context] { cancel(*word, context); });
}

}  // namespace llmrun::cli
