{{/* What no schema can say: values that need each other, and secrets that must be there. Each is one sentence. */}}
{{- define "berth.checks" -}}
{{- $v := .Values -}}
{{- if not (regexMatch "^[a-z]([-a-z0-9]*[a-z0-9])?$" .Release.Name) }}{{ fail (printf "the release is named %s, and a service of Kubernetes cannot be: use lower-case letters, digits and hyphens, a letter first." .Release.Name) }}{{ end -}}
{{- if not (or $v.trial.enabled $v.postgresql.existingSecret) }}{{ fail "Berth needs a PostgreSQL: set postgresql.existingSecret to the name of a secret that has its URL, or trial.enabled=true to bring a small one along." }}{{ end -}}
{{- if not (or $v.trial.enabled $v.nats.url) }}{{ fail "Berth needs a NATS: set nats.url to its address, or trial.enabled=true to bring a small one along." }}{{ end -}}
{{- if not (or $v.trial.enabled $v.objectStore.endpoint) }}{{ fail "Berth needs an object store: set objectStore.endpoint to the URL of MinIO or an S3, or trial.enabled=true to bring a small MinIO along." }}{{ end -}}
{{- if and $v.objectStore.endpoint (not $v.objectStore.existingSecret) }}{{ fail "objectStore.endpoint is set, and objectStore.existingSecret is not: name the secret that has its access key and secret key." }}{{ end -}}
{{- if and $v.ingress.enabled (not $v.ingress.host) }}{{ fail "ingress.enabled is true, and ingress.host is not set: name the host by which clients reach the registry." }}{{ end -}}
{{- range $name, $pod := merge (dict "migrate" $v.migrate) $v.services }}
{{- range $label, $_ := $pod.podLabels }}
{{- if regexMatch "^(app\\.kubernetes\\.io|helm\\.sh)/" $label }}{{ fail (printf "podLabels of %s has %s, and a label of that name is the chart's own: use another." $name $label) }}{{ end -}}
{{- end }}
{{- end }}
{{- range $name, $service := $v.services }}
{{- range $kind := list "autoscaling" "keda" }}
{{- with get $service $kind }}
{{- if and .enabled (gt (int .minReplicas) (int .maxReplicas)) }}{{ fail (printf "services.%s.%s has a minReplicas above its maxReplicas." $name $kind) }}{{ end -}}
{{- end }}
{{- end }}
{{- $service_ := get $service "service" | default dict }}
{{- range $field, $types := dict "nodePort" (list "NodePort" "LoadBalancer") "externalTrafficPolicy" (list "NodePort" "LoadBalancer") "loadBalancerSourceRanges" (list "LoadBalancer") "loadBalancerClass" (list "LoadBalancer") }}
{{- if and (get $service_ $field) (not (has $service_.type $types)) }}{{ fail (printf "services.%s.service sets %s, and its type is %s: that needs %s." $name $field $service_.type (join " or " $types)) }}{{ end -}}
{{- end }}
{{- if and (hasKey $service "keda") $service.keda.enabled }}
{{- if $service.autoscaling.enabled }}{{ fail (printf "services.%s has both autoscaling and keda enabled: KEDA makes an autoscaler of its own, so enable one of them." $name) }}{{ end -}}
{{- if not $service.keda.prometheus }}{{ fail (printf "services.%s.keda.enabled is true, and services.%s.keda.prometheus is not set: name the URL of the Prometheus that scrapes Berth." $name $name) }}{{ end -}}
{{- if and $v.networkPolicy.enabled (not $v.networkPolicy.metricsFrom) }}{{ fail (printf "services.%s.keda.enabled is true, and networkPolicy.metricsFrom lets nobody read metrics: name who Prometheus is." $name) }}{{ end -}}
{{- end }}
{{- end }}
{{- $wanted := list (list "postgresql" $v.postgresql.existingSecret (list $v.postgresql.urlKey)) (list "objectStore" $v.objectStore.existingSecret (list $v.objectStore.accessKeyKey $v.objectStore.secretKeyKey)) (list "nats" $v.nats.existingSecret (list $v.nats.userKey $v.nats.passwordKey)) (list "secretKey" $v.secretKey.existingSecret (list $v.secretKey.key)) (list "admin" $v.admin.existingSecret (list $v.admin.passwordKey)) -}}
{{- range $wanted }}
{{- $value := index . 0 }}{{ $name := index . 1 }}{{ $keys := index . 2 }}
{{- if $name }}
{{- $secret := lookup "v1" "Secret" $.Release.Namespace $name }}
{{- if $secret }}
{{- range $keys }}
{{- if not (hasKey ($secret.data | default dict) .) }}{{ fail (printf "the secret %s of %s.existingSecret has no key %s." $name $value .) }}{{ end }}
{{- end }}
{{- /* Without a cluster (helm template) nothing is found, not even a list that is empty. helm itself lists the secrets of a release. */}}
{{- else if lookup "v1" "Secret" $.Release.Namespace "" }}{{ fail (printf "%s.existingSecret names the secret %s, and namespace %s has none: create it with the keys %s." $value $name $.Release.Namespace (join ", " $keys)) }}{{ end }}
{{- end }}
{{- end }}
{{- end }}
