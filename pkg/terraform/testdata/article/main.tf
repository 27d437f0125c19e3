module "api_secrets" {
  source                       = "./modules/secrets"
  environment_secrets          = var.environment_secrets
  shared_secret_mappings       = var.shared_secret_mappings
  api_internal_secret_mappings = var.api_internal_secret_mappings
}
 
module "worker_secrets" {
  source          = "./modules/worker_secrets"
  api_secrets     = var.environment_secrets
  secret_mappings = merge(
    var.shared_secret_mappings,
    var.worker_secret_mappings
  )
  worker_only_secrets = var.worker_secrets
}
