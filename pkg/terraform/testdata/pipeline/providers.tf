provider "aws" {
  region              = var.region
  allowed_account_ids = [var.environment == "dev" ? "111111111111" : "222222222222"]
}

provider "github" {
  owner = "example"
  token = var.github_token
}

provider "vercel" {
  api_token = var.platform_secrets.VERCEL_TOKEN
}

variable "github_token" {
  type      = string
  sensitive = true
}
