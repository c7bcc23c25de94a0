{{- define "berth.fullname" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 40 | trimSuffix "-" }}{{ else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 40 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "berth.selector" -}}
app.kubernetes.io/name: berth
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "berth.labels" -}}
{{ include "berth.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end }}

{{- define "berth.image" -}}
{{- $values := .root.Values.image -}}
{{ with $values.registry }}{{ . }}/{{ end }}berth-{{ .component }}:{{ $values.tag | default .root.Chart.AppVersion }}
{{- end }}

{{- define "berth.serviceAccount" -}}
{{ .root.Values.serviceAccount.name | default (printf "%s-%s" (include "berth.fullname" .root) .component) }}
{{- end }}

{{- define "berth.generatedSecret" -}}
{{ include "berth.fullname" . }}-generated
{{- end }}

{{/* What the trial brings along: whatever is not named. */}}
{{- define "berth.trial.postgresql" -}}{{ if and .Values.trial.enabled (not .Values.postgresql.existingSecret) }}yes{{ end }}{{- end }}
{{- define "berth.trial.nats" -}}{{ if and .Values.trial.enabled (not .Values.nats.url) }}yes{{ end }}{{- end }}
{{- define "berth.trial.minio" -}}{{ if and .Values.trial.enabled (not .Values.objectStore.endpoint) }}yes{{ end }}{{- end }}

{{- define "berth.natsPrefix" -}}
{{- $own := printf "%s-%s" .Release.Namespace (include "berth.fullname" .) -}}
{{ .Values.nats.prefix | default (gt (len $own) 32 | ternary (printf "%s-%s" ($own | trunc 23) ($own | sha256sum | trunc 8)) $own) }}
{{- end }}

{{- define "berth.publicUrl" -}}
{{- if .Values.publicUrl }}{{ .Values.publicUrl }}
{{- else if .Values.ingress.enabled }}{{ if .Values.ingress.tlsSecret }}https{{ else }}http{{ end }}://{{ .Values.ingress.host }}
{{- end }}
{{- end }}

{{/* A value as it is written: helm would turn the integers of a values file into 4.194304e+06. */}}
{{- define "berth.setting" -}}
{{ if kindIs "float64" . }}{{ int64 . | toString | quote }}{{ else }}{{ toString . | quote }}{{ end }}
{{- end }}
